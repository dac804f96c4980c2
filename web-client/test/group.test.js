import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Group } from '../group.js'
import { connected } from './support/connected.js'
import { settled } from './support/manual-environment.js'

const document = (fields) => ({
  id: 'g', user: 'alice', state: 'open', jobs: 4, pending: 4, counts: { queued: 4 }, percent: 0, offset: 5, epoch: 'e', ...fields,
})
const pushed = (fields) => ({ event: 'group', ...document(fields) })

describe('a group', () => {
  test('is its newest document', () => {
    const group = new Group('g')
    assert.equal(group.replace(document()), true)
    assert.equal(group.merge(pushed({ percent: 30, offset: 7 })), true)
    assert.equal(group.document.percent, 30)
    assert.equal('event' in group.document, false)
    assert.equal(group.merge(pushed({ percent: 20, offset: 6 })), false)
    assert.equal(group.merge(pushed({ percent: 20, offset: 7 })), false)
    assert.equal(group.document.percent, 30)
    assert.equal(group.isTerminal, false)
    assert.equal(group.merge(pushed({ state: 'finished', offset: 8 })), true)
    assert.equal(group.isTerminal, true)
  })

  test('takes nothing of what is said of the stream', () => {
    const group = new Group('g')
    group.replace(document())
    const before = group.document
    assert.equal(group.merge({ event: 'delivery', id: 'g', delivering: false }), false)
    assert.equal(group.document, before)
  })

  test('of another epoch is another group', () => {
    const group = new Group('g')
    group.replace(document({ offset: 9 }))
    assert.equal(group.replace(document({ offset: 1, epoch: 'f', percent: 10 })), true)
    assert.equal(group.document.percent, 10)
  })

  test('forgets what a newer document leaves out', () => {
    const group = new Group('g')
    group.replace(document({ name: 'a' }))
    group.replace(document({ offset: 6 }))
    assert.equal(group.document.name, undefined)
  })
})

describe('watching a group', () => {
  const answering = (server) => {
    server.on('subscribe', () => ({ recoverable: true, positioned: true, epoch: 'e', offset: 5, data: document() }))
  }

  test('tells what it is, each change, and the end, then gives the channel back', async () => {
    const { fanfare, server, environment } = await connected({ prepare: answering })
    const watch = fanfare.watchGroup('g')
    const told = []
    watch.addEventListener('change', ({ group }) => told.push(group.percent))
    watch.addEventListener('end', ({ group }) => told.push(group.state))
    await environment.advance(0)
    assert.deepEqual(server.sent('subscribe'), [{ channel: 'group:g' }])
    assert.equal(watch.group.jobs, 4)
    server.socket.publish('group:g', pushed({ percent: 30, offset: 6 }), 6)
    server.socket.publish('group:g', pushed({ percent: 99, offset: 9 }), 9)
    server.socket.publish('group:g', pushed({ percent: 50, offset: 8 }), 8)
    server.socket.publish('group:g', pushed({ percent: 100, state: 'finished', pending: 0, offset: 10 }), 10)
    await settled()
    assert.deepEqual(told, [0, 30, 99, 100, 'finished'])
    assert.equal((await watch.finished).pending, 0)
    assert.deepEqual(server.sent('unsubscribe'), [{ channel: 'group:g' }])
  })

  test('goes on after a lost connection, with what was missed', async () => {
    const { fanfare, server, environment } = await connected({ prepare: answering })
    const watch = fanfare.watchGroup('g')
    await settled()
    server.socket.publish('group:g', pushed({ percent: 30, offset: 6 }), 6)
    server.on('subscribe', () => ({
      recoverable: true, positioned: true, epoch: 'e', offset: 6, was_recovering: true, recovered: true,
      data: document({ percent: 80, offset: 9 }),
      publications: [{ data: pushed({ percent: 80, offset: 9 }), offset: 9 }],
    }))
    server.socket.drop(3001)
    await environment.advance(2000)
    assert.deepEqual(server.sent('subscribe').at(-1), { channel: 'group:g', recover: true, epoch: 'e', offset: 6 })
    assert.equal(watch.group.percent, 80)
  })

  test('fails where there is no such group', async () => {
    const { fanfare } = await connected({ prepare: (server) => {
      server.on('subscribe', () => ({ error: { code: 102, message: 'unknown channel' } }))
    } })
    await assert.rejects(fanfare.watchGroup('g').finished, { code: 102 })
  })

  test('shares no channel with a job of the same name', async () => {
    const { fanfare, server } = await connected({ prepare: answering })
    const group = fanfare.watchGroup('g')
    const job = fanfare.watch('g')
    await settled()
    assert.deepEqual(server.sent('subscribe').map(({ channel }) => channel), ['group:g', 'job:g'])
    group.close()
    await settled()
    assert.deepEqual(server.sent('unsubscribe'), [{ channel: 'group:g' }])
    job.close()
  })
})

describe('making a group', () => {
  test('with its jobs tells which were refused', async () => {
    const { fanfare, server } = await connected({ prepare: (server) => {
      server.on('rpc', () => ({ data: {
        group: document({ jobs: 1 }), refused: 1,
        jobs: [{ job: { id: '1', state: 'queued', offset: 1, epoch: 'e' } }, { error: { status: 429, code: 'queue-full' } }],
      } }))
    } })
    const answer = await fanfare.createGroup({ name: 'a', jobs: [{ kind: 'x' }, { kind: 'y' }] })
    assert.deepEqual(server.sent('rpc'), [{ method: 'group.create', data: { name: 'a', jobs: [{ kind: 'x' }, { kind: 'y' }] } }])
    assert.equal(answer.refused, 1)
    assert.equal(fanfare.groups.get('g').document.jobs, 1)
    assert.equal(fanfare.store.get('1').document.state, 'queued')
  })

  test('by hand, and closing it', async () => {
    const { fanfare, server } = await connected({ prepare: (server) => {
      server.on('rpc', ({ method }) => ({ data: { group: document(method === 'group.close' ? { state: 'closed', offset: 6 } : {}) } }))
    } })
    const { group } = await fanfare.createGroup()
    assert.equal((await fanfare.closeGroup(group.id)).state, 'closed')
    assert.deepEqual(server.sent('rpc').map(({ method }) => method), ['group.create', 'group.close'])
  })
})

test('a group that was set back begins anew, in the same epoch', () => {
  const group = new Group('g')
  group.replace({ id: 'g', state: 'closed', pending: 1, offset: 9, epoch: 'e' })
  assert.equal(group.replace({ id: 'g', state: 'closed', pending: 2, offset: 4, epoch: 'e' }), false)
  group.reset()
  assert.ok(group.replace({ id: 'g', state: 'closed', pending: 2, offset: 4, epoch: 'e' }))
})
