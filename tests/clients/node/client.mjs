// What a user of fhir-kit-client does, against the service at URL with TOKEN:
//
//     node client.mjs URL TOKEN
//
// Prints one JSON object: for each step what it saw. The test that starts it has the expectations.
import { Client } from 'fhir-kit-client';

const [, , baseUrl, bearerToken] = process.argv;
const client = new Client({ baseUrl, bearerToken });
const NUMBERS = 'urn:oid:1.2.392.100495.20.3.51.1310000001';
const FORM = { postSearch: true };
const report = {};

const patient = (value, more = {}) => ({
  resourceType: 'Patient',
  identifier: [{ system: NUMBERS, value }],
  ...more,
});
const weight = (reference, value, day = 1) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
  subject: { reference },
  effectiveDateTime: `2026-01-0${day}`,
  valueQuantity: { value, unit: 'kg' },
});
const create = (body, options) => client.create({ resourceType: body.resourceType, body, options });
const responseOf = (answer) => Client.httpFor(answer).response;
const idsOf = (bundle) => (bundle.entry ?? []).map((one) => one.resource.id);

// The status and issue that a refused promise brings.
const refusal = async (promise) => {
  try {
    await promise;
    return 'not refused';
  } catch (error) {
    const { status, data } = error.response;
    return [status, data.resourceType, data.issue[0].code];
  }
};

const statement = await client.capabilityStatement();
const smart = await client.smartAuthMetadata();
report.found = { version: statement.fhirVersion, token: smart.tokenUrl.href };

const person = await create(patient('K1'));
const who = `Patient/${person.id}`;
report.person = person.id;

const made = await create(weight(who, 72.5));
const { resourceType, id } = made;
report.made = {
  status: responseOf(made).status,
  etag: responseOf(made).headers.get('etag'),
  location: responseOf(made).headers.get('location').endsWith(`/${resourceType}/${id}/_history/1`),
  subject: made.subject.reference === who,
};

const read = await client.read({ resourceType, id });
report.read = {
  same: JSON.stringify(read) === JSON.stringify(made),
  traced: responseOf(read).headers.has('access-entry'),
};

const changed = { ...read, valueQuantity: { value: 71, unit: 'kg' } };
const ifMatch = (etag) => ({ headers: { 'If-Match': etag } });
const second = await client.update({ resourceType, id, body: changed, options: ifMatch('W/"1"') });
report.update = {
  version: second.meta.versionId,
  stale: await refusal(
    client.update({ resourceType, id, body: changed, options: ifMatch('W/"1"') }),
  ),
  first: (await client.vread({ resourceType, id, version: '1' })).valueQuantity.value,
};

await client.delete({ resourceType, id });
const history = await client.history({ resourceType, id });
report.deleted = {
  read: await refusal(client.read({ resourceType, id })),
  methods: history.entry.map((one) => one.request.method),
};

const weights = [];
for (const day of [1, 2, 3]) {
  weights.push((await create(weight(who, 60 + day, day))).id);
}
const searchParams = { patient: person.id, _count: 2, _sort: 'date' };
const page = await client.search({ resourceType, searchParams });
const rest = await client.nextPage({ bundle: page });
report.search = {
  total: page.total,
  all: JSON.stringify([...idsOf(page), ...idsOf(rest)]) === JSON.stringify(weights),
  last: client.nextPage({ bundle: rest }) === undefined,
  range: (
    await client.search({
      resourceType,
      searchParams: { patient: who, date: ['ge2026-01-02', 'lt2026-01-03'] },
    })
  ).total,
  post: (
    await client.search({
      resourceType,
      searchParams: { 'patient:identifier': `${NUMBERS}|K1` },
      options: FORM,
    })
  ).total,
  compartment: (
    await client.search({
      resourceType,
      compartment: { resourceType: 'Patient', id: person.id },
      searchParams: { code: '29463-7' },
    })
  ).total,
  nobody: await refusal(client.search({ resourceType, searchParams: { code: '29463-7' } })),
};

const included = await client.search({
  resourceType,
  searchParams: { patient: person.id, _count: 1, _include: 'Observation:patient' },
});
report.references = {
  modes: included.entry.map((one) => one.search.mode),
  fromBundle: (await client.resolve({ reference: who, context: included })).id === person.id,
  fromService: (await client.resolve({ reference: who })).id === person.id,
  absolute: (await client.resolve({ reference: `${baseUrl}/${who}` })).id === person.id,
};

const everything = { name: 'everything', resourceType: 'Patient', id: person.id };
report.everything = {
  get: (await client.operation({ ...everything, method: 'GET' })).total,
  some: (
    await client.operation({ ...everything, method: 'GET', input: { _type: 'Observation' } })
  ).total,
  post: (await client.operation(everything)).total,
  input: (
    await client.operation({
      ...everything,
      input: {
        resourceType: 'Parameters',
        parameter: [{ name: 'start', valueDate: '2026-01-03' }],
      },
    })
  ).total,
  ofAll: await refusal(client.operation({ name: 'everything', resourceType: 'Patient' })),
};

const unlessThere = { headers: { 'If-None-Exist': `identifier=${NUMBERS}|K1` } };
const again = await create(patient('K1', { gender: 'female' }), unlessThere);
const several = { headers: { 'If-None-Exist': `patient=${who}` } };
report.conditional = {
  status: responseOf(again).status,
  same: again.id === person.id,
  several: await refusal(create(weight(who, 75), several)),
};

const byNumber = { identifier: `${NUMBERS}|K1` };
const updated = await client.update({
  resourceType: 'Patient',
  searchParams: byNumber,
  body: patient('K1', { gender: 'other' }),
});
report.conditionalUpdate = [updated.id === person.id, updated.gender, updated.meta.versionId];

const fullUrl = 'urn:uuid:0198c7a4-3333-7000-8000-000000000001';
const post = (url) => ({ method: 'POST', url });
const bundle = (type, entry) => ({ body: { resourceType: 'Bundle', type, entry } });
const together = await client.transaction(
  bundle('transaction', [
    { resource: weight(fullUrl, 70), request: post('Observation') },
    { fullUrl, resource: patient('K2'), request: post('Patient') },
  ]),
);
const apart = await client.batch(
  bundle('batch', [
    { request: { method: 'GET', url: who } },
    { resource: weight('Patient/nobody', 70), request: post('Observation') },
  ]),
);
report.bundles = {
  transaction: together.entry.map((one) => one.response.status),
  referred: together.entry[0].resource.subject.reference === `Patient/${together.entry[1].resource.id}`,
  batch: apart.entry.map((one) => one.response.status),
};

const stranger = new Client({ baseUrl });
const patch = [{ op: 'replace', path: '/gender', value: 'male' }];
report.refused = {
  absent: await refusal(client.read({ resourceType: 'Patient', id: '00000000-1' })),
  invalid: await refusal(create(patient('K3', { gender: 'bogus' }))),
  noToken: await refusal(stranger.read({ resourceType: 'Patient', id: person.id })),
  patch: await refusal(
    client.patch({ resourceType: 'Patient', id: person.id, jsonPatch: patch }),
  ),
  typeHistory: await refusal(client.history({ resourceType: 'Patient' })),
  systemHistory: await refusal(client.history()),
  systemSearch: await refusal(client.search({ searchParams: { _lastUpdated: 'gt2026' } })),
};

console.log(JSON.stringify(report));
