import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedConnections } from '../shared-connections.js'

function shared() {
  const opened = []
  const connections = new SharedConnections({ connect: (options) => {
    const fanfare = { ...options, closed: 0, close() { this.closed += 1 } }
    opened.push(fanfare)
    return fanfare
  } })
  return { connections, opened }
}

test('the same address and token share one connection', () => {
  const { connections, opened } = shared()
  assert.equal(connections.borrow({ token: 'a' }).fanfare, connections.borrow({ token: 'a' }).fanfare)
  connections.borrow({ token: 'b' })
  connections.borrow({ token: 'a', url: 'ws://elsewhere' })
  assert.equal(opened.length, 3)
})

test('it is closed when the last one gives it back, and each gives back once', () => {
  const { connections, opened } = shared()
  const [first, second] = [connections.borrow({ token: 'a' }), connections.borrow({ token: 'a' })]
  first.giveBack()
  first.giveBack()
  assert.equal(opened[0].closed, 0)
  second.giveBack()
  assert.equal(opened[0].closed, 1)
  connections.borrow({ token: 'a' })
  assert.equal(opened.length, 2)
})
