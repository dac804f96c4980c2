import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connected } from './support/connected.js'
import { settled } from './support/manual-environment.js'
import { TokenRefused } from '../token-source.js'

describe('the first message', () => {
  test('carries connect and every subscribe, one a line', async () => {
    const { client, server } = await connected({ prepare: (server) => { server.opensByItself = false } })
    client.subscribe('job:1', {})
    client.subscribe('job:2', {})
    server.socket.open()
    assert.equal(server.socket.messages.length, 1)
    const methods = server.socket.commands.map((command) => Object.keys(command)[1])
    assert.deepEqual(methods, ['connect', 'subscribe', 'subscribe'])
    assert.equal(server.sent('connect')[0].token, 'first')
  })
})

describe('reconnecting', () => {
  for (const code of [1006, 3001, 3012, 4001]) {
    test(`follows a close with ${code}`, async () => {
      const { client, server, environment } = await connected()
      server.socket.drop(code)
      assert.equal(client.state, 'waiting')
      await environment.advance(20_000)
      assert.equal(client.state, 'connected')
      assert.equal(server.sockets.length, 2)
    })
  }

  for (const code of [1009, 3500, 3503, 4500, 4999]) {
    test(`does not follow a close with ${code}`, async () => {
      const { client, server, environment } = await connected()
      server.socket.drop(code, 'enough')
      assert.equal(client.state, 'closed')
      assert.equal(client.end.code, code)
      await environment.advance(1_000_000)
      assert.equal(server.sockets.length, 1)
    })
  }

  test('waits longer each time while the gateway accepts and drops at once', async () => {
    const { client, server, environment } = await connected({ random: 1 })
    const waits = []
    for (let i = 0; i < 4; i += 1) {
      server.socket.drop(1006)
      waits.push(client.retryAt - environment.now())
      await environment.advance(waits.at(-1))
      assert.equal(client.state, 'connected')
    }
    assert.deepEqual(waits, [500, 1000, 2000, 4000])
  })

  test('starts over with short waits after a stable time', async () => {
    const { client, server, environment } = await connected({ random: 1 })
    server.socket.drop(1006)
    await environment.advance(500)
    await environment.advance(10_000)
    server.socket.drop(1006)
    assert.equal(client.retryAt - environment.now(), 500)
  })

  test('happens at once when the network is back', async () => {
    const { client, server, environment } = await connected({ random: 1 })
    server.socket.drop(1006)
    environment.window.dispatchEvent(new Event('online'))
    await settled()
    assert.equal(client.state, 'connected')
    assert.equal(server.sockets.length, 2)
  })

  test('happens at once when someone looks at a page whose connection went stale', async () => {
    const { client, server, environment } = await connected()
    environment.sleep(3_600_000)
    environment.document.dispatchEvent(new Event('visibilitychange'))
    await settled()
    assert.equal(server.sockets.length, 2)
    assert.equal(client.state, 'connected')
  })

  test('a look at a page with a live connection changes nothing', async () => {
    const { server, environment } = await connected()
    environment.document.dispatchEvent(new Event('visibilitychange'))
    await settled()
    assert.equal(server.sockets.length, 1)
  })

  test('waits as long as a refusal asks', async () => {
    let refusals = 1
    const { client, environment } = await connected({ prepare: (server) => server.on('connect', () => (refusals-- > 0
      ? { error: { code: 111, message: 'too many requests, retry after 41 s', temporary: true } }
      : { client: 'c' })) })
    assert.equal(client.retryAt - environment.now(), 41_000)
    await environment.advance(41_000)
    assert.equal(client.state, 'connected')
  })

  test('a gateway that takes the socket and says nothing is given up on', async () => {
    const { client, server, environment } = await connected({ prepare: (server) => server.on('connect', () => undefined) })
    await environment.advance(10_000)
    assert.equal(client.state, 'waiting')
    assert.equal(server.sockets[0].closedWith, 1000)
  })

  test('close() ends it for good', async () => {
    const { client, server, environment } = await connected()
    client.close()
    await environment.advance(1_000_000)
    assert.equal(client.state, 'closed')
    assert.equal(server.sockets.length, 1)
  })
})

describe('pings', () => {
  test('each ping is answered by one pong', async () => {
    const { server } = await connected()
    server.socket.deliver({})
    server.socket.deliver({})
    await settled()
    assert.equal(server.socket.commands.filter((command) => Object.keys(command).length === 0).length, 2)
  })

  test('no pong is sent where none is wanted', async () => {
    const { server } = await connected({ prepare: (server) => server.on('connect', () => ({ client: 'c', ping: 25 })) })
    server.socket.deliver({})
    await settled()
    assert.equal(server.socket.commands.length, 1)
  })

  test('a silent connection is replaced', async () => {
    const { server, environment } = await connected()
    await environment.advance(34_999)
    assert.equal(server.sockets.length, 1)
    await environment.advance(20_001)
    assert.equal(server.sockets.length, 2)
  })
})

describe('tokens', () => {
  const numbered = () => { let count = 0; return () => `token-${++count}` }

  test('a new one is fetched when the old has expired', async () => {
    const { client, server, environment } = await connected({
      token: 'old', getToken: numbered(),
      prepare: (server) => server.on('connect', ({ token }) => (token === 'old'
        ? { error: { code: 109, message: 'token expired' } } : { client: 'c' })),
    })
    await environment.advance(1000)
    assert.equal(client.state, 'connected')
    assert.deepEqual(server.sent('connect').map(({ token }) => token), ['old', 'token-1'])
  })

  test('without a way to a new one, an expired token is the end', async () => {
    const { client } = await connected({ prepare: (server) => server.on('connect', () => ({ error: { code: 109 } })) })
    assert.equal(client.state, 'closed')
    assert.equal(client.end.explanation, 'The token expired.')
  })

  test('one is refreshed on the living connection before its time is over', async () => {
    const { client, server, environment } = await connected({
      token: null, getToken: numbered(), prepare: (server) => {
        server.on('connect', () => ({ client: 'c', expires: true, ttl: 600 }))
      },
    })
    await environment.advance(589_999)
    assert.equal(server.sent('refresh').length, 0)
    await environment.advance(1)
    assert.deepEqual(server.sent('refresh'), [{ token: 'token-2' }])
    await environment.advance(590_000)
    assert.equal(server.sent('refresh').length, 2)
    assert.equal(server.sockets.length, 1)
    assert.equal(client.state, 'connected')
  })

  test('a refresh refused for a passing reason is tried again', async () => {
    let refusals = 1
    const { server, environment } = await connected({ getToken: numbered(), prepare: (server) => {
      server.on('connect', () => ({ client: 'c', expires: true, ttl: 100 }))
      server.on('refresh', () => (refusals-- > 0 ? { error: { code: 100, temporary: true } } : { expires: true, ttl: 600 }))
    } })
    await environment.advance(90_000)
    await environment.advance(10_000)
    assert.equal(server.sent('refresh').length, 2)
  })

  test('a close with 3005 brings a new one', async () => {
    const { server, environment } = await connected({ token: 'old', getToken: numbered() })
    server.socket.drop(3005)
    await environment.advance(1000)
    assert.equal(server.sent('connect')[1].token, 'token-1')
  })

  test('a token service in trouble is asked again', async () => {
    let failures = 2
    const { client, environment } = await connected({ token: null, getToken: () => {
      if (failures-- > 0) throw new Error('502')
      return 'token'
    } })
    assert.equal(client.state, 'waiting')
    await environment.advance(5000)
    assert.equal(client.state, 'connected')
  })

  test('a token service that refuses is not', async () => {
    const { client, server } = await connected({ token: null, getToken: () => { throw new TokenRefused('signed out') } })
    assert.equal(client.state, 'closed')
    assert.equal(client.end.reason, 'signed out')
    assert.equal(server.sockets.length, 0)
  })
})

describe('rpc', () => {
  test('answers may come in any order', async () => {
    const { client, server } = await connected({ prepare: (server) => server.on('rpc', () => undefined) })
    const calls = ['a', 'b'].map((method) => client.rpc(method))
    await settled()
    const [, a, b] = server.socket.commands
    server.socket.deliver({ id: b.id, rpc: { data: 'B' } }, { id: a.id, rpc: { data: 'A' } })
    assert.deepEqual(await Promise.all(calls), ['A', 'B'])
  })

  test('an error of the gateway reaches the caller', async () => {
    const { client } = await connected({ prepare: (server) => {
      server.on('rpc', () => ({ error: { code: 111, message: 'too many requests, retry after 41 s', temporary: true } }))
    } })
    await assert.rejects(client.rpc('job.get'), { name: 'ReplyError', code: 111, retryAfter: 41, isRateLimit: true })
  })

  test('no answer in five seconds is an error', async () => {
    const { client, environment } = await connected({ prepare: (server) => server.on('rpc', () => undefined) })
    const call = assert.rejects(client.rpc('job.get'), { name: 'NoAnswer' })
    await environment.advance(5000)
    await call
  })

  test('a lost connection is an error', async () => {
    const { client, server } = await connected({ prepare: (server) => server.on('rpc', () => undefined) })
    const call = assert.rejects(client.rpc('job.get'), { name: 'ConnectionLost' })
    await settled()
    server.socket.drop(1006)
    await call
  })

  test('a message the gateway would close on is never sent', async () => {
    const { client, server } = await connected()
    await assert.rejects(client.rpc('job.submit', { payload: 'x'.repeat(70_000) }), { code: 413 })
    assert.equal(server.sent('rpc').length, 0)
  })
})

test('a message that is not JSON ends the connection, and the next one works', async () => {
  const { client, server, environment } = await connected()
  server.socket.onmessage({ data: 'nonsense' })
  await environment.advance(1000)
  assert.equal(server.sockets.length, 2)
  assert.equal(client.state, 'connected')
})
