import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionLost, NoAnswer, Problem, ReplyError } from '../errors.js'
import { sentenceFor } from '../page-notice.js'
import { payloadOf, presetNamed, presets } from '../page-presets.js'

const sentences = [
  [new ReplyError({ code: 111, message: 'too many requests, retry after 41 s' }), 'Too many requests. Try again in 41 s.'],
  [new Problem({ status: 429, retry_after: 7 }), 'Too many requests. Try again in 7 s.'],
  [new Problem({ status: 429 }), 'Too many requests. Try again.'],
  [new ConnectionLost(), 'The connection broke off.'],
  [new NoAnswer('job.submit'), 'The gateway did not answer in time.'],
  [new TypeError('Failed to fetch'), 'The gateway cannot be reached.'],
  [new ReplyError({ code: 400, message: 'unknown kind "x"' }), 'Unknown kind "x".'],
]
for (const [error, sentence] of sentences) {
  test(`${error.name} "${error.message}" is told as "${sentence}"`, () => assert.equal(sentenceFor(error), sentence))
}

test('every preset names an output and a way to it', () => {
  for (const preset of presets) {
    const payload = payloadOf(preset, 'upl_1')
    assert.equal(payload.input, 'upload:upl_1')
    assert.match(payload.output, /^output\.\w+$/)
    assert.ok(payload.arguments.every((argument) => typeof argument === 'string'))
  }
})

test('an unknown preset is the first', () => assert.equal(presetNamed('x'), presets[0]))
