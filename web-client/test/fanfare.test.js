import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connected } from './support/connected.js'
import { settled } from './support/manual-environment.js'

const document = (fields) => ({ id: '1', kind: 'ffmpeg', state: 'queued', offset: 1, epoch: 'e', updated_at: 1, ...fields })
const limits = { limit: 10, window: 60, remaining: 7, reset: 41 }

/** A gateway that accepts a submit the way it is specified: the `subscribe` push first, then the reply. */
function accepting(server) {
  server.on('rpc', ({ method, data }, socket) => {
    if (method !== 'job.submit') return { data: { job: document({ state: 'cancelled', offset: 2, updated_at: 2 }) } }
    socket.deliver({ push: { channel: 'job:1', subscribe: { recoverable: true, epoch: 'e', offset: 1, data: document({ position: 2 }) } } })
    return { data: { job: document({ position: 2 }), limits, echo: data } }
  })
}

const progress = (percent) => ({ event: 'progress', id: '1', state: 'running', attempt: 1, at: percent, percent })
const completed = { event: 'state', id: '1', state: 'completed', attempt: 1, at: 200, result: { artifacts: [] } }

describe('submit', () => {
  test('makes its own key and watches what was submitted', async () => {
    const { fanfare, server } = await connected({ prepare: accepting })
    const watch = await fanfare.submit({ kind: 'ffmpeg', payload: { input: 'x' } })
    assert.deepEqual(server.sent('rpc'), [{
      method: 'job.submit', data: { idempotency_key: 'key-1', kind: 'ffmpeg', payload: { input: 'x' }, watch: true },
    }])
    assert.equal(watch.job.position, 2)
    assert.equal(server.sent('subscribe').length, 0)
    assert.equal(fanfare.budget.remaining, 7)
  })

  test('repeats itself with the same key after a lost connection', async () => {
    const { fanfare, server, environment } = await connected({ prepare: (server) => server.on('rpc', () => undefined) })
    const submitting = fanfare.submit({ kind: 'ffmpeg' })
    await settled()
    server.socket.drop(3001)
    accepting(server)
    await environment.advance(1000)
    assert.equal((await submitting).id, '1')
    assert.deepEqual(server.sent('rpc').map(({ data }) => data.idempotency_key), ['key-1', 'key-1'])
  })

  test('repeats itself with the same key after a silence', async () => {
    const { fanfare, server, environment } = await connected({ prepare: (server) => server.on('rpc', () => undefined) })
    const submitting = fanfare.submit({ kind: 'ffmpeg' })
    await environment.advance(5000)
    accepting(server)
    await environment.advance(2000)
    assert.equal((await submitting).id, '1')
    assert.equal(new Set(server.sent('rpc').map(({ data }) => data.idempotency_key)).size, 1)
  })

  test('waits for a gateway that is away', async () => {
    const { fanfare, server, environment } = await connected({ prepare: accepting })
    server.socket.drop(1006)
    const submitting = fanfare.submit({ kind: 'ffmpeg' })
    await environment.advance(1000)
    assert.equal((await submitting).id, '1')
  })

  test('a conflict is another try of its own only if there was one', async () => {
    const { fanfare } = await connected({ prepare: (server) => server.on('rpc', () => ({ error: { code: 409, message: 'in flight' } })) })
    await assert.rejects(fanfare.submit({ kind: 'ffmpeg' }), { code: 409 })
  })

  test('over the budget it is refused, says for how long, and does not try by itself', async () => {
    const { fanfare, server, environment } = await connected({ prepare: (server) => {
      server.on('connect', () => ({ client: 'c', data: { user: 'alice', limits } }))
      server.on('rpc', () => ({ error: { code: 111, message: 'too many requests, retry after 41 s', temporary: true } }))
    } })
    await assert.rejects(fanfare.submit({ kind: 'ffmpeg' }), { isRateLimit: true, retryAfter: 41 })
    await environment.advance(10_000)
    assert.equal(server.sent('rpc').length, 1)
    assert.equal(fanfare.budget.remaining, 0)
    assert.equal(fanfare.budget.retryAfter, 31)
  })

  test('ends with the client', async () => {
    const { fanfare } = await connected({ prepare: (server) => server.on('rpc', () => undefined) })
    const submitting = assert.rejects(fanfare.submit({ kind: 'ffmpeg' }), { name: 'ClientClosed' })
    await settled()
    fanfare.close()
    await submitting
  })
})

describe('a watch', () => {
  test('tells each change, then the end, then gives the channel back', async () => {
    const { fanfare, server, environment } = await connected({ prepare: accepting })
    const watch = await fanfare.submit({ kind: 'ffmpeg' })
    const told = []
    watch.addEventListener('change', ({ job }) => told.push(job.percent ?? job.state))
    watch.addEventListener('end', ({ job }) => told.push(`end ${job.state}`))
    await environment.advance(0)
    server.socket.publish('job:1', progress(40), 2)
    server.socket.publish('job:1', progress(70), 5)
    server.socket.publish('job:1', completed, 6)
    await settled()
    assert.deepEqual(told, ['queued', 40, 70, 100, 'end completed'])
    assert.equal((await watch.finished).state, 'completed')
    assert.deepEqual(server.sent('unsubscribe'), [{ channel: 'job:1' }])
  })

  test('can be iterated, and a slow reader skips', async () => {
    const { fanfare, server } = await connected({ prepare: accepting })
    const watch = await fanfare.submit({ kind: 'ffmpeg' })
    const seen = []
    const reading = (async () => { for await (const job of watch) { seen.push(job.percent); await settled() } })()
    await settled()
    for (const percent of [10, 20, 30]) server.socket.publish('job:1', progress(percent), percent)
    server.socket.publish('job:1', completed, 99)
    await reading
    assert.equal(seen.at(-1), 100)
    assert.ok(seen.length < 5)
  })

  test('goes on over a restart of the gateway', async () => {
    const { fanfare, server, environment } = await connected({ prepare: accepting })
    const watch = await fanfare.submit({ kind: 'ffmpeg' })
    server.socket.publish('job:1', progress(40), 2)
    server.on('subscribe', ({ offset }) => ({
      recoverable: true, was_recovering: true, recovered: true, epoch: 'e', offset, publications: [{ data: completed, offset: 8 }],
    }))
    server.socket.drop(3001)
    await environment.advance(1000)
    assert.deepEqual(server.sent('subscribe'), [{ channel: 'job:1', recover: true, epoch: 'e', offset: 2 }])
    assert.equal((await watch.finished).percent, 100)
  })

  test('of a job that was over when its submit was answered still tells its end', async () => {
    const { fanfare, environment } = await connected({ prepare: (server) => {
      server.on('rpc', () => ({ data: { job: document({ state: 'completed', percent: 100 }), replayed: true } }))
    } })
    const watch = await fanfare.submit({ kind: 'ffmpeg' })
    let end
    watch.addEventListener('end', ({ job }) => { end = job.state })
    await environment.advance(0)
    assert.equal(end, 'completed')
  })

  test('of a job that is over already ends at once', async () => {
    const { fanfare } = await connected({ prepare: (server) => {
      server.on('subscribe', () => ({ recoverable: true, epoch: 'e', offset: 4, data: document({ state: 'failed', offset: 4 }) }))
    } })
    assert.equal((await fanfare.watch('1').finished).state, 'failed')
  })

  test('shares its channel with another of the same job', async () => {
    const { fanfare, server } = await connected()
    const first = fanfare.watch('1')
    fanfare.watch('1')
    first.close()
    await settled()
    assert.equal(server.sent('subscribe').length, 1)
    assert.equal(server.sent('unsubscribe').length, 0)
    await assert.rejects(first.finished)
  })

  test('of a job one may not see fails', async () => {
    const { fanfare } = await connected({ prepare: (server) => server.on('subscribe', () => ({ error: { code: 404, message: 'job not found' } })) })
    const watch = fanfare.watch('1')
    let told
    watch.addEventListener('error', ({ error }) => { told = error })
    await assert.rejects(watch.finished, { code: 404, message: 'job not found' })
    assert.equal(told.code, 404)
  })

  test('fails when the client is closed for good, and right away on a closed client', async () => {
    const { fanfare, server } = await connected()
    const watch = fanfare.watch('1')
    server.socket.drop(3500, 'invalid token')
    await assert.rejects(watch.finished, { name: 'ClientClosed', code: 3500 })
    await assert.rejects(fanfare.watch('2').finished, { name: 'ClientClosed' })
  })
})

describe('the list of jobs', () => {
  test('holds what the user channel tells, newest first, and follows it', async () => {
    const { fanfare, server } = await connected({ prepare: (server) => server.on('subscribe', () => ({
      data: { jobs: [document({ id: 'a', created_at: 1 }), document({ id: 'b', created_at: 2 })] },
    })) })
    const list = fanfare.jobs()
    await settled()
    assert.deepEqual(server.sent('subscribe'), [{ channel: 'user:alice' }])
    server.socket.publish('user:alice', { event: 'state', id: 'a', state: 'running', attempt: 1, at: 9 })
    server.socket.publish('user:alice', { event: 'state', id: 'c', state: 'queued', at: 10, created_at: 3 })
    assert.deepEqual(list.jobs.map(({ id, state }) => `${id} ${state}`), ['c queued', 'b queued', 'a running'])
  })

  test('comes again with every connection', async () => {
    const { fanfare, server, environment } = await connected({ prepare: (server) => server.on('subscribe', () => ({ data: { jobs: [] } })) })
    const list = fanfare.jobs()
    await settled()
    server.on('subscribe', () => ({ data: { jobs: [document({ id: 'new' })] } }))
    server.socket.drop(3001)
    await environment.advance(1000)
    assert.deepEqual(list.jobs.map(({ id }) => id), ['new'])
  })

  test('shares its jobs with the watches: the newer word counts, from whichever channel', async () => {
    const { fanfare, server } = await connected({ prepare: (server) => server.on('subscribe', ({ channel }) => (
      channel.startsWith('user:') ? { data: { jobs: [document()] } } : { recoverable: true, epoch: 'e', offset: 1, data: document() })) })
    const list = fanfare.jobs()
    fanfare.watch('1')
    await settled()
    server.socket.publish('job:1', progress(50), 5)
    server.socket.publish('user:alice', progress(30))
    assert.equal(list.jobs[0].percent, 50)
    server.socket.publish('user:alice', progress(60))
    assert.equal(list.jobs[0].percent, 60)
  })

  test('forgets the oldest of the finished', async () => {
    const { fanfare, server } = await connected({ prepare: (server) => server.on('subscribe', () => ({ data: { jobs: [] } })) })
    const list = fanfare.jobs()
    list.limit = 2
    await settled()
    for (const id of ['a', 'b', 'c']) server.socket.publish('user:alice', { event: 'state', id, state: 'completed', at: 1, created_at: 1 })
    assert.deepEqual(list.jobs.map(({ id }) => id), ['b', 'c'])
  })
})

test('cancel answers with the document and merges it', async () => {
  const { fanfare, server } = await connected({ prepare: accepting })
  const watch = await fanfare.submit({ kind: 'ffmpeg' })
  assert.equal((await fanfare.cancel('1', 'enough')).state, 'cancelled')
  assert.deepEqual(server.sent('rpc')[1], { method: 'job.cancel', data: { id: '1', reason: 'enough' } })
  assert.equal((await watch.finished).state, 'cancelled')
})
