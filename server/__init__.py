"""Puts the house together: settings, database, application, command line, demo."""
