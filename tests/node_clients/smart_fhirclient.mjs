// SMART's fhirclient does the job of tests/fhir_clients.py.
import smart from "fhirclient";

const job = JSON.parse(process.env.JOB);
const request = { url: "/", headers: { host: "app.example" }, socket: {} };
const client = smart(request, {}, {}).client({ serverUrl: job.base });

async function refusal(asked) {
  try {
    await asked;
    return null;
  } catch (error) {
    return [error.status, JSON.parse(error.message.split("\n\n")[1]).issue[0].code]; // the client has read the body
  }
}

function provide(bundle) {
  const headers = { "content-type": "application/fhir+json" };
  return client.request({ url: job.base, method: "POST", body: JSON.stringify(bundle), headers });
}

const parameters = new URLSearchParams({ "patient.identifier": job.patient, status: "current", _count: 2 });
const search = `DocumentReference?${parameters}`;
const first = await client.request(search);
const every = await client.request(search, { pageLimit: 0, flat: true });
const read = await client.request(`DocumentReference/${every[0].id}`);
const binary = await client.request({ url: read.content[0].attachment.url, includeResponse: true });
const answer = await provide(job.bundle);
console.log(JSON.stringify({
  version: (await client.request("metadata")).fhirVersion,
  total: first.total,
  found: every.map((each) => each.id),
  read: read.masterIdentifier.value,
  content: binary.body,
  provided: answer.entry.map((each) => each.response.location),
  missing: await refusal(client.request(`DocumentReference/${job.nobody}`)),
  refused: await refusal(provide(job.spoiled)),
}));
