"""The HL7 v2 door: messages of laboratories and hospitals over MLLP."""
