import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteSize, describe, duration } from '../job-text.js'

const table = [
  [{}, 'waiting', 'Looking for the job…', ''],
  [{ state: 'queued' }, 'waiting', 'Queued', 'Waiting for a free worker.'],
  [{ state: 'queued', position: 1 }, 'waiting', 'Next in line', 'Waiting for a free worker.'],
  [{ state: 'queued', position: 2 }, 'waiting', 'In line: place 2', '1 job is ahead.'],
  [{ state: 'queued', position: 1, estimate: { least: 0, most: 45 } }, 'waiting', 'Next in line', 'Waiting for a free worker. Starts within 45 s.'],
  [{ state: 'queued', position: 3, estimate: { least: 20, most: 125 } }, 'waiting', 'In line: place 3', '2 jobs are ahead. Starts in 20 s to 2 min 05 s.'],
  [{ state: 'blocked', pending_parents: 2 }, 'waiting', 'Waiting', '2 other jobs have to finish first.'],
  [{ state: 'running', percent: 41.2, stage: 'encoding', details: { speed: 1.34, fps: 24.4, eta_seconds: 12 } },
    'running', 'Encoding', '1.3× speed · 24 fps · 12 s left'],
  [{ state: 'running', message: 'frame 812' }, 'running', 'Running', 'frame 812'],
  [{ state: 'running', stalled: true }, 'stalled', 'Stalled', 'No word from the worker; the job goes to another one soon.'],
  [{ state: 'running', cancelling: true }, 'cancelling', 'Cancelling…', 'Waiting for the worker to stop.'],
  [{ state: 'retrying', attempt: 1, max_attempts: 3, error: { message: 'no disk' } }, 'stalled', 'Trying again soon', 'Attempt 1 of 3 failed: no disk'],
  [{ state: 'completed', started_at: 1000, finished_at: 13_000 }, 'completed', 'Done', 'Took 12 s.'],
  [{ state: 'failed', error: { message: 'no disk' } }, 'failed', 'Failed', 'no disk'],
  [{ state: 'cancelled' }, 'cancelled', 'Cancelled', ''],
]
for (const [job, tone, headline, detail] of table) {
  test(`${JSON.stringify(job)} reads "${headline}"`, () => {
    const said = describe(job)
    assert.deepEqual([said.tone, said.headline, said.detail], [tone, headline, detail])
  })
}

test('durations are short', () => {
  assert.deepEqual([0.4, 59.4, 125, 3840].map(duration), ['0 s', '59 s', '2 min 05 s', '1 h 04 min'])
})

test('sizes are short, and roll over in time', () => {
  assert.deepEqual([0, 999, 1000, 52_000, 999_999, 12_345_678].map(byteSize), ['0 bytes', '999 bytes', '1.0 kB', '52 kB', '1.0 MB', '12 MB'])
})
