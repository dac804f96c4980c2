import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Job } from '../job.js'

const running = (fields) => ({ event: 'progress', id: 'j', state: 'running', attempt: 1, at: 10, ...fields })
const state = (name, fields) => ({ event: 'state', id: 'j', state: name, attempt: 1, at: 10, ...fields })

/** A running job at 40 %, at offset 5 of epoch e. */
function example(fields = {}) {
  const job = new Job('j')
  job.replace({ id: 'j', kind: 'ffmpeg', state: 'running', attempt: 1, percent: 40, updated_at: 5, offset: 5, epoch: 'e', ...fields })
  return job
}

test('what is said of the stream is not laid over the job', () => {
  const job = example({ stalled: true })
  const before = job.document
  assert.equal(job.merge({ event: 'delivery', id: 'j', delivering: false }), false)
  assert.equal(job.document, before)
})

describe('offsets', () => {
  test('an event at or below the last offset is dropped', () => {
    const job = example()
    assert.equal(job.merge(running({ percent: 50 }), { offset: 5, epoch: 'e' }), false)
    assert.equal(job.merge(running({ percent: 50 }), { offset: 4, epoch: 'e' }), false)
    assert.equal(job.document.percent, 40)
  })

  test('offsets may skip', () => {
    const job = example()
    assert.equal(job.merge(running({ percent: 50 }), { offset: 11, epoch: 'e' }), true)
    assert.equal(job.offset, 11)
  })

  test('another epoch starts its numbers over', () => {
    const job = example()
    assert.equal(job.replace({ id: 'j', state: 'queued', updated_at: 20, offset: 1, epoch: 'f' }), true)
    assert.equal(job.document.state, 'queued')
    assert.equal(job.offset, 1)
  })

  test('an older snapshot does not replace a newer one', () => {
    const job = example()
    assert.equal(job.replace({ id: 'j', state: 'queued', updated_at: 20, offset: 3, epoch: 'e' }), false)
  })

  test('events without a number are ordered by their time', () => {
    const job = example()
    assert.equal(job.merge(running({ percent: 60, at: 30 })), true)
    assert.equal(job.merge(running({ percent: 70, message: 'late', at: 20 })), false)
    assert.equal(job.document.percent, 60)
  })

  test('an end on the numbered channel counts, whatever its time', () => {
    const job = example()
    job.merge(running({ percent: 60, at: 30 }))
    assert.equal(job.merge(state('completed', { at: 20 }), { offset: 9, epoch: 'e' }), true)
    assert.equal(job.isTerminal, true)
  })

  test('a numbered step behind the news of the user channel does not bring a job back from its end', () => {
    const job = example()
    job.merge(state('completed', { at: 30 }))
    job.merge(state('running', { percent: 90, at: 20 }), { offset: 8, epoch: 'e' })
    assert.equal(job.document.state, 'completed')
  })
})

describe('percent', () => {
  test('never goes back within an attempt', () => {
    const job = example()
    job.merge(running({ percent: 30, stage: 'encoding' }), { offset: 6, epoch: 'e' })
    assert.equal(job.document.percent, 40)
    assert.equal(job.document.stage, 'encoding')
  })

  test('does not go back with a snapshot of the same attempt either', () => {
    const job = example()
    job.replace({ id: 'j', state: 'running', attempt: 1, percent: 10, updated_at: 20, offset: 7, epoch: 'e' })
    assert.equal(job.document.percent, 40)
  })

  test('starts over with the next attempt', () => {
    const job = example()
    job.merge(state('queued', { attempt: 1, lost: 1 }), { offset: 6, epoch: 'e' })
    assert.equal(job.document.percent, undefined)
    job.merge(state('running', { attempt: 2, percent: 0 }), { offset: 7, epoch: 'e' })
    job.merge(running({ attempt: 2, percent: 3, at: 11 }), { offset: 8, epoch: 'e' })
    assert.equal(job.document.percent, 3)
  })

  test('is exactly 100 when completed', () => {
    const job = example()
    job.merge(state('completed', { result: { ok: true } }), { offset: 6, epoch: 'e' })
    assert.equal(job.document.percent, 100)
    assert.deepEqual(job.document.result, { ok: true })
  })
})

describe('facts beside the state', () => {
  test('stalled goes when the worker is heard again', () => {
    const job = example({ stalled: true })
    job.merge(running({ percent: 41 }), { offset: 6, epoch: 'e' })
    assert.equal('stalled' in job.document, false)
  })

  test('a state event without them takes them back', () => {
    const job = example({ cancelling: true, stalled: true })
    job.merge(state('cancelled'), { offset: 6, epoch: 'e' })
    assert.equal('cancelling' in job.document, false)
    assert.equal('stalled' in job.document, false)
  })

  test('a place in line belongs to queued jobs only', () => {
    const job = new Job('j')
    job.merge(state('queued', { position: 3 }), { offset: 1 })
    assert.equal(job.document.position, 3)
    job.merge(state('running', { percent: 0 }), { offset: 2 })
    assert.equal('position' in job.document, false)
  })

  test('progress after the end is not taken', () => {
    const job = example()
    job.merge(state('failed', { error: { message: 'no' } }), { offset: 6, epoch: 'e' })
    assert.equal(job.merge(running({ percent: 99, at: 99 })), false)
    assert.equal(job.document.state, 'failed')
  })

  test('progress of an earlier attempt is not taken', () => {
    const job = example({ attempt: 2 })
    assert.equal(job.merge(running({ attempt: 1, percent: 90 }), { offset: 6, epoch: 'e' }), false)
  })

  test('a failed job tried again drops its end', () => {
    const job = example()
    job.merge(state('failed', { error: { message: 'no' }, finished_at: 9 }), { offset: 6, epoch: 'e' })
    job.merge(state('queued', { position: 1 }), { offset: 7, epoch: 'e' })
    job.merge(state('running', { attempt: 2 }), { offset: 8, epoch: 'e' })
    assert.equal(job.isTerminal, false)
    assert.equal('error' in job.document, false)
    assert.equal('finished_at' in job.document, false)
  })
})

test('a snapshot event replaces all, but keeps a payload it does not carry', () => {
  const job = example({ payload: { input: 'x' }, message: 'old' })
  job.merge({ event: 'snapshot', id: 'j', state: 'completed', percent: 100, updated_at: 20, offset: 9, epoch: 'e' }, { offset: 9, epoch: 'e' })
  assert.equal(job.document.state, 'completed')
  assert.equal('message' in job.document, false)
  assert.deepEqual(job.document.payload, { input: 'x' })
})

describe('a place in the queue', () => {
  const queued = () => {
    const job = new Job('j')
    job.replace({ id: 'j', state: 'queued', position: 3, updated_at: 5, offset: 1, epoch: 'e' })
    return job
  }

  test('is taken without a number, with its estimate, and takes back an estimate that is not told any more', () => {
    const job = queued()
    assert.equal(job.merge({ event: 'position', id: 'j', position: 2, estimate: { least: 10, most: 60 } }), true)
    assert.deepEqual([job.document.position, job.document.estimate], [2, { least: 10, most: 60 }])
    assert.equal(job.offset, 1)
    job.merge({ event: 'position', id: 'j', position: 1 })
    assert.deepEqual([job.document.position, 'estimate' in job.document], [1, false])
  })

  test('keeps its estimate over a document of the same place that tells none', () => {
    const job = queued()
    job.merge({ event: 'position', id: 'j', position: 3, estimate: { least: 10, most: 60 } })
    const document = { id: 'j', state: 'queued', position: 3, updated_at: 5, offset: 1, epoch: 'e' }
    job.replace(document)
    assert.deepEqual(job.document.estimate, { least: 10, most: 60 })
    job.replace({ ...document, position: 2 })
    assert.equal('estimate' in job.document, false)
  })

  test('ends with the waiting, and means nothing to a job that runs', () => {
    const job = queued()
    job.merge({ event: 'position', id: 'j', position: 2, estimate: { least: 10, most: 60 } })
    job.merge(state('running', { at: 10 }), { offset: 2, epoch: 'e' })
    assert.deepEqual(['position' in job.document, 'estimate' in job.document], [false, false])
    assert.equal(job.merge({ event: 'position', id: 'j', position: 1 }), false)
  })
})

test('a document handed out is never altered', () => {
  const job = example()
  const { document } = job
  job.merge(running({ percent: 60 }), { offset: 6, epoch: 'e' })
  assert.equal(document.percent, 40)
  assert.throws(() => { document.percent = 1 }, TypeError)
})

describe('times', () => {
  test('a job begins and ends when its events say so', () => {
    const job = new Job('j')
    job.replace({ id: 'j', state: 'queued', updated_at: 5, offset: 1, epoch: 'e' })
    job.merge(state('running', { at: 1000 }), { offset: 2, epoch: 'e' })
    job.merge(running({ percent: 50, at: 2000 }), { offset: 3, epoch: 'e' })
    job.merge(state('running', { cancelling: true, at: 3000 }), { offset: 4, epoch: 'e' })
    job.merge(state('completed', { at: 4000 }), { offset: 5, epoch: 'e' })
    assert.deepEqual([job.document.started_at, job.document.finished_at], [1000, 4000])
  })

  test('another attempt begins anew', () => {
    const job = example({ started_at: 5 })
    job.merge(state('queued', { at: 50 }), { offset: 6, epoch: 'e' })
    job.merge(state('running', { attempt: 2, at: 60 }), { offset: 7, epoch: 'e' })
    assert.equal(job.document.started_at, 60)
  })
})

test('a job that was set back begins anew, in the same epoch', () => {
  const job = example({ percent: 90, payload: { n: 1 } })
  job.reset()
  assert.ok(job.replace({ id: 'j', state: 'running', attempt: 1, percent: 10, updated_at: 1, offset: 2, epoch: 'e' }))
  assert.deepEqual([job.document.percent, job.document.payload], [10, { n: 1 }])
  assert.ok(job.merge(running({ percent: 20 }), { offset: 3, epoch: 'e' }))
})
