import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Interruption } from '../interruption.js'
import { connected } from './support/connected.js'
import { ManualEnvironment, settled } from './support/manual-environment.js'

describe('an interruption', () => {
  function made() {
    const environment = new ManualEnvironment()
    const told = []
    const interruption = new Interruption({ environment, onChange: () => told.push(interruption.isOn) })
    return { environment, told, interruption }
  }

  test('is told once it has lasted, and told to be over at once', async () => {
    const { environment, told, interruption } = made()
    interruption.begin()
    await environment.advance(1999)
    interruption.begin()
    assert.deepEqual(told, [])
    await environment.advance(1)
    interruption.begin()
    await environment.advance(5000)
    assert.deepEqual(told, [true])
    interruption.end()
    interruption.end()
    assert.deepEqual(told, [true, false])
  })

  test('that was short is not told at all', async () => {
    const { environment, told, interruption } = made()
    interruption.begin()
    await environment.advance(1999)
    interruption.end()
    await environment.advance(5000)
    assert.deepEqual(told, [])
  })
})

const document = (fields) => ({ id: '1', state: 'running', percent: 10, offset: 2, epoch: 'e', updated_at: 2, ...fields })

/** A watch of job 1, and whether it was interrupted each time that this changed. */
async function watching() {
  const context = await connected({
    prepare: (server) => server.on('subscribe', () => ({ recoverable: true, epoch: 'e', offset: 2, data: document() })),
  })
  const watch = context.fanfare.watch('1')
  const told = []
  watch.addEventListener('interruption', () => told.push(watch.isInterrupted))
  await settled()
  return { ...context, watch, told }
}

const delivery = (delivering) => ({ event: 'delivery', id: '1', delivering })

describe('a watch is interrupted', () => {
  test('while the connection is away, and the document stays', async () => {
    const { server, environment, watch, told } = await watching()
    await environment.advance(5000)
    assert.deepEqual(told, [])
    server.opensByItself = false
    server.socket.drop(1006)
    await environment.advance(2500)
    assert.deepEqual(told, [true])
    assert.equal(watch.job.percent, 10)
    server.opensByItself = true
    server.socket.open()
    await environment.advance(1000)
    assert.deepEqual(told, [true, false])
  })

  test('while the gateway cannot hear what happens', async () => {
    const { server, environment, watch, told } = await watching()
    server.socket.publish('job:1', delivery(false))
    await environment.advance(2500)
    assert.deepEqual(told, [true])
    server.socket.publish('job:1', delivery(true))
    assert.deepEqual(told, [true, false])
    assert.deepEqual(watch.job, document())
  })

  test('also when the gateway says so right behind its answer to a reconnect', async () => {
    const { server, environment, told } = await watching()
    server.on('subscribe', (_, socket) => {
      setImmediate(() => socket.publish('job:1', delivery(false)))
      return { recoverable: true, epoch: 'e', offset: 2, recovered: true, was_recovering: true }
    })
    server.socket.drop(3001)
    await environment.advance(5000)
    assert.deepEqual(told, [true])
  })

  test('in a long pause after the channel was taken away', async () => {
    const { server, environment, told } = await watching()
    server.on('subscribe', () => ({ error: { code: 100, message: 'internal, retry after 4 s', temporary: true } }))
    server.socket.deliver({ push: { channel: 'job:1', unsubscribe: { code: 2500 } } })
    await environment.advance(3000)
    assert.deepEqual(told, [true])
  })

  test('not by a reconnect that is quick', async () => {
    const { server, environment, told } = await watching()
    server.socket.drop(3001)
    await environment.advance(5000)
    assert.deepEqual(told, [])
    assert.equal(server.sockets.length, 2)
  })

  test('each for itself: one that begins in an interruption is told of it later', async () => {
    const { server, environment, fanfare, told } = await watching()
    const second = fanfare.watch('1')
    await environment.advance(5000)
    assert.equal(second.isInterrupted, false)
    server.opensByItself = false
    server.socket.drop(1006)
    await environment.advance(2500)
    const third = fanfare.watch('1')
    assert.deepEqual([told.at(-1), second.isInterrupted, third.isInterrupted], [true, true, false])
    await environment.advance(2000)
    assert.equal(third.isInterrupted, true)
  })

  test('no more once it is over', async () => {
    const { server, environment, watch, told } = await watching()
    server.socket.publish('job:1', delivery(false))
    await environment.advance(2500)
    server.socket.publish('job:1', { event: 'state', id: '1', state: 'completed', attempt: 1, at: 9 }, 3)
    assert.equal(watch.isOver, true)
    assert.deepEqual(told, [true, false])
    server.socket.drop(1006)
    await environment.advance(5000)
    assert.deepEqual(told, [true, false])
  })
})
