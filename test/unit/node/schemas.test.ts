/** Schemas that hold others: a change of one must reach the other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schemaOf } from '../../support/json-schema.ts';

test('what `top` says of a node is what `status` says', () => {
  const { $schema: _, $id: __, title: ___, ...status } = schemaOf('status');
  const { properties } = schemaOf('top') as { properties: { status: unknown } };
  assert.deepEqual(properties.status, status);
});
