// fhir-kit-client does the job of tests/fhir_clients.py.
import { Client } from "fhir-kit-client";

const job = JSON.parse(process.env.JOB);
const client = new Client({ baseUrl: job.base });

async function refusal(asked) {
  try {
    await asked;
    return null;
  } catch (error) {
    return [error.response.status, error.response.data.issue[0].code];
  }
}

const capability = await client.capabilityStatement();
const searchParams = { "patient.identifier": job.patient, status: "current", _count: 2 };
const first = await client.search({ resourceType: "DocumentReference", searchParams });
const found = [];
for (let page = first; page; page = await client.nextPage({ bundle: page })) {
  found.push(...page.entry.map((each) => each.resource.id));
}
const read = await client.read({ resourceType: "DocumentReference", id: found[0] });
const binary = await client.request(read.content[0].attachment.url, { headers: { accept: "application/fhir+json" } });
const answer = await client.transaction({ body: job.bundle });
console.log(JSON.stringify({
  version: capability.fhirVersion,
  total: first.total,
  found,
  read: read.masterIdentifier.value,
  content: atob(binary.data),
  provided: answer.entry.map((each) => each.response.location),
  missing: await refusal(client.read({ resourceType: "DocumentReference", id: job.nobody })),
  refused: await refusal(client.transaction({ body: job.spoiled })),
}));
