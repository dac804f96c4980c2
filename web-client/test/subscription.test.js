import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connected } from './support/connected.js'
import { settled } from './support/manual-environment.js'

const unsubscribe = (code, channel = 'job:1') => ({ push: { channel, unsubscribe: { code, reason: 'gap' } } })

/** A subscribed channel `job:1` at offset 3 of epoch e, and all it was told. */
async function subscribed(answer = () => ({ recoverable: true, epoch: 'e', offset: 3, data: { id: '1' } }), options = {}) {
  const context = await connected({ prepare: (server) => server.on('subscribe', answer), ...options })
  const told = { results: [], publications: [], ends: [] }
  context.client.subscribe('job:1', {
    onSubscribed: (result) => told.results.push(result),
    onPublication: ({ data }) => told.publications.push(data),
    onUnsubscribed: (end) => told.ends.push(end),
  })
  await settled()
  return { ...context, told }
}

describe('after a reconnect', () => {
  test('a channel is asked for from where it was left', async () => {
    const { server, environment } = await subscribed()
    server.socket.publish('job:1', 'four', 4)
    server.socket.publish('job:1', 'nine', 9)
    server.socket.drop(3001)
    await environment.advance(1000)
    assert.deepEqual(server.sent('subscribe'), [
      { channel: 'job:1' }, { channel: 'job:1', recover: true, epoch: 'e', offset: 9 },
    ])
  })

  test('what was missed comes once and in order, also when one message brings it all', async () => {
    const { server, environment, told } = await subscribed()
    server.socket.publish('job:1', 'four', 4)
    server.socket.drop(1006)
    server.on('subscribe', () => ({
      recoverable: true, was_recovering: true, recovered: true, epoch: 'e', offset: 4,
      publications: [{ data: 'five', offset: 5 }, { data: 'six', offset: 6 }],
    }))
    await environment.advance(1000)
    server.socket.publish('job:1', 'six', 6)
    server.socket.publish('job:1', 'seven', 7)
    assert.deepEqual(told.publications, ['four', 'five', 'six', 'seven'])
  })

  test('a new epoch starts from its own numbers', async () => {
    const { server, environment, told } = await subscribed()
    server.socket.drop(1006)
    server.on('subscribe', () => ({ recoverable: true, was_recovering: true, epoch: 'f', offset: 1 }))
    await environment.advance(1000)
    server.socket.publish('job:1', 'two', 2)
    assert.deepEqual(told.publications, ['two'])
  })

  test('a stream that was set back starts from its own numbers too', async () => {
    const { server, environment, told } = await subscribed()
    server.socket.publish('job:1', 'nine', 9)
    server.socket.drop(1006)
    server.on('subscribe', () => ({ recoverable: true, was_recovering: true, epoch: 'e', offset: 1 }))
    await environment.advance(1000)
    server.socket.publish('job:1', 'two', 2)
    assert.deepEqual(told.publications, ['nine', 'two'])
    server.socket.drop(1006)
    await environment.advance(1000)
    assert.deepEqual(server.sent('subscribe').at(-1), { channel: 'job:1', recover: true, epoch: 'e', offset: 2 })
  })

  test('after 3014 nothing is claimed to be known', async () => {
    const { server, environment } = await subscribed()
    server.socket.drop(3014)
    await environment.advance(1000)
    assert.deepEqual(server.sent('subscribe')[1], { channel: 'job:1' })
  })

  test('a channel given up is not asked for', async () => {
    const { client, server, environment } = await subscribed()
    client.unsubscribe('job:1')
    await settled()
    assert.deepEqual(server.sent('unsubscribe'), [{ channel: 'job:1' }])
    server.socket.drop(1006)
    await environment.advance(1000)
    assert.equal(server.sent('subscribe').length, 1)
  })
})

describe('publications', () => {
  test('behind a subscribe reply in the same message are not lost', async () => {
    const { server, told } = await subscribed(() => undefined)
    const { id } = server.socket.commands.at(-1)
    server.socket.deliver(
      { id, subscribe: { recoverable: true, epoch: 'e', offset: 3 } },
      { push: { channel: 'job:1', pub: { data: 'four', offset: 4 } } },
    )
    assert.deepEqual(told.publications, ['four'])
  })

  test('a snapshot sent as publication of a first subscribe is delivered', async () => {
    const { told } = await subscribed(() => ({
      recoverable: true, epoch: 'e', offset: 7, publications: [{ data: 'snapshot', offset: 7 }],
    }))
    assert.deepEqual(told.publications, ['snapshot'])
  })

  test('a number seen before is dropped', async () => {
    const { server, told } = await subscribed()
    server.socket.publish('job:1', 'three', 3)
    assert.deepEqual(told.publications, [])
  })

  test('without numbers all are delivered', async () => {
    const { server, told } = await subscribed(() => ({}))
    server.socket.publish('job:1', 'a')
    server.socket.publish('job:1', 'b')
    assert.deepEqual(told.publications, ['a', 'b'])
  })
})

describe('an unsubscribe from the gateway', () => {
  test('is final below 2500', async () => {
    const { server, told } = await subscribed()
    server.socket.deliver({ push: { channel: 'job:1', unsubscribe: { code: 2100, reason: 'over' } } })
    assert.deepEqual(told.ends, [{ code: 2100, reason: 'over' }])
  })

  test('from 2500 on asks to subscribe again, from the last position', async () => {
    const { server, environment, told } = await subscribed()
    server.socket.deliver(unsubscribe(2500))
    await environment.advance(1000)
    assert.deepEqual(server.sent('subscribe')[1], { channel: 'job:1', recover: true, epoch: 'e', offset: 3 })
    assert.equal(told.ends.length, 0)
  })

  test('is followed by a pause, which is drawn', async () => {
    for (const [random, pause] of [[0.5, 250], [0.9, 450], [0, 50]]) {
      const { server, environment } = await subscribed(undefined, { random })
      server.socket.deliver(unsubscribe(2500))
      await environment.advance(pause - 1)
      assert.equal(server.sent('subscribe').length, 1, `${random}`)
      await environment.advance(1)
      assert.equal(server.sent('subscribe').length, 2, `${random}`)
    }
  })

  test('is followed by longer and longer pauses, until the channel has been left to us for a while', async () => {
    const { server, environment } = await subscribed()
    const pause = async () => {
      const before = server.sent('subscribe').length
      const start = environment.now()
      server.socket.deliver(unsubscribe(2500))
      while (server.sent('subscribe').length === before) await environment.advance(50)
      return environment.now() - start
    }
    assert.deepEqual([await pause(), await pause(), await pause()], [250, 500, 1000])
    await environment.advance(10_000)
    assert.equal(await pause(), 250)
  })

  test('from many channels at once is one trouble: one pause for all', async () => {
    const { client, server, environment } = await subscribed()
    for (let id = 2; id <= 20; id += 1) client.subscribe(`job:${id}`, {})
    await settled()
    for (let id = 1; id <= 20; id += 1) server.socket.deliver(unsubscribe(2500, `job:${id}`))
    await environment.advance(249)
    assert.equal(server.sent('subscribe').length, 20)
    await environment.advance(1)
    assert.equal(server.sent('subscribe').length, 40)
  })

  test('asks for nothing in the pause when the channel is given up, or the connection lost', async () => {
    const { client, server, environment } = await subscribed()
    server.socket.deliver(unsubscribe(2500))
    client.unsubscribe('job:1')
    client.subscribe('job:2', {})
    await settled()
    server.socket.deliver(unsubscribe(2500, 'job:2'))
    server.socket.drop(1006)
    await environment.advance(5000)
    assert.deepEqual(server.sent('subscribe').map(({ channel }) => channel), ['job:1', 'job:2', 'job:2'])
    assert.equal(server.sent('unsubscribe').length, 0)
  })

  test('with 2502 the position is dropped first', async () => {
    const { server, environment } = await subscribed()
    server.socket.deliver(unsubscribe(2502))
    await environment.advance(1000)
    assert.deepEqual(server.sent('subscribe')[1], { channel: 'job:1' })
  })
})

describe('a refused subscribe', () => {
  test('is told when it is final', async () => {
    const { told } = await subscribed(() => ({ error: { code: 404, message: 'job not found' } }))
    assert.deepEqual(told.ends, [{ code: 404, reason: 'job not found' }])
  })

  test('is repeated when it is not', async () => {
    let refusals = 2
    const { environment, told } = await subscribed(() => (refusals-- > 0 ? { error: { code: 100, temporary: true } } : { epoch: 'e' }))
    await environment.advance(5000)
    assert.equal(told.results.length, 1)
    assert.equal(told.ends.length, 0)
  })

  test('because the gateway already subscribed it, is none', async () => {
    const { server, told } = await subscribed((_, socket) => {
      socket.deliver({ push: { channel: 'job:1', subscribe: { recoverable: true, epoch: 'e', offset: 2 } } })
      return { error: { code: 105, message: 'already subscribed' } }
    })
    server.socket.publish('job:1', 'three', 3)
    assert.deepEqual(told.publications, ['three'])
    assert.equal(told.ends.length, 0)
  })

  test('because the position is unrecoverable is repeated without one', async () => {
    const { server, environment } = await subscribed()
    server.socket.drop(1006)
    server.on('subscribe', ({ recover }) => (recover ? { error: { code: 112 } } : { recoverable: true, epoch: 'f', offset: 1 }))
    await environment.advance(1000)
    assert.deepEqual(server.sent('subscribe').at(-1), { channel: 'job:1' })
  })

  test('with no answer at all costs the connection, for nobody knows what holds', async () => {
    const { server, environment } = await subscribed(() => undefined)
    server.on('subscribe', () => ({ epoch: 'e' }))
    await environment.advance(12_000)
    assert.equal(server.sockets.length, 2)
  })
})
