// @medplum/core does the job of tests/fhir_clients.py.
import { MedplumClient } from "@medplum/core";

const job = JSON.parse(process.env.JOB);
const base = new URL(job.base);
const client = new MedplumClient({ baseUrl: `${base.origin}/`, fhirUrlPath: base.pathname.slice(1) });

async function refusal(asked) {
  try {
    await asked;
    return null;
  } catch (error) {
    return error.outcome.issue[0].code;
  }
}

const capability = await client.get(client.fhirUrl("metadata"));
const parameters = { "patient.identifier": job.patient, status: "current", _count: 2 };
const first = await client.search("DocumentReference", parameters);
const found = [];
for await (const page of client.searchResourcePages("DocumentReference", parameters)) {
  found.push(...page.map((each) => each.id));
}
const read = await client.readResource("DocumentReference", found[0]);
const content = await client.download(read.content[0].attachment.url);
const answer = await client.executeBatch(job.bundle);
console.log(JSON.stringify({
  version: capability.fhirVersion,
  total: first.total,
  found,
  read: read.masterIdentifier.value,
  content: await content.text(),
  provided: answer.entry.map((each) => each.response.location),
  missing: await refusal(client.readResource("DocumentReference", job.nobody)),
  refused: await refusal(client.executeBatch(job.spoiled)),
}));
