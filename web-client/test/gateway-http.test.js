import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Problem } from '../errors.js'
import { GatewayHTTP, developmentToken } from '../gateway-http.js'
import { RequestBudget } from '../request-budget.js'
import { TokenSource } from '../token-source.js'

const base = new URL('http://gateway/')

/** A gateway over HTTP that gives these answers one after the other. */
function answering(...answers) {
  const asked = []
  const fetch = async (url, options) => {
    asked.push({ url: String(url), ...options })
    const { status = 200, body = {}, headers = {} } = answers.shift()
    return new Response(JSON.stringify(body), { status, headers })
  }
  class XMLHttpRequest {
    upload = {}
    headers = {}
    open(method, url) { asked.push(Object.assign(this, { method, url })) }
    setRequestHeader(name, value) { this.headers[name] = value }
    getResponseHeader(name) { return this.answered?.[name] ?? null }
    send(file) { this.file = file }
    abort() { this.onabort(); this.onloadend() }
    answer({ status = 201, body = {}, headers = {} }) {
      Object.assign(this, { status, responseText: JSON.stringify(body), answered: headers })
      this.onload()
      this.onloadend()
    }
  }
  const budget = new RequestBudget({ now: () => 0 })
  let count = 0
  const tokens = new TokenSource({ token: 'old', getToken: () => `new-${++count}` })
  return { asked, fetch, budget, http: new GatewayHTTP({ base, tokens, budget, environment: { fetch, XMLHttpRequest } }) }
}

describe('an upload', () => {
  const file = new Blob(['12345'], { type: 'video/mp4' })

  test('tells how far it is, and what the gateway called it', async () => {
    const { http, asked, budget } = answering()
    const told = []
    const uploading = http.upload(file, { name: 'a&b.mp4', onProgress: (fraction) => told.push(fraction) })
    await Promise.resolve()
    const [request] = asked
    request.upload.onprogress({ lengthComputable: true, loaded: 2, total: 5 })
    request.answer({ body: { upload: 'upl_1' }, headers: { RateLimit: '"requests";r=9;t=60', 'RateLimit-Policy': '"requests";q=10;w=60' } })
    assert.deepEqual(await uploading, { upload: 'upl_1' })
    assert.deepEqual(told, [0.4])
    assert.equal(request.url, 'http://gateway/v1/uploads?name=a%26b.mp4')
    assert.deepEqual(request.headers, { Authorization: 'Bearer old', 'Content-Type': 'video/mp4' })
    assert.equal(budget.remaining, 9)
  })

  test('over the budget says when to try again', async () => {
    const { http, asked } = answering()
    const uploading = http.upload(file)
    await Promise.resolve()
    asked[0].answer({ status: 429, body: { title: 'Too many requests', retry_after: 41 }, headers: { 'Retry-After': '41' } })
    await assert.rejects(uploading, { isRateLimit: true, retryAfter: 41 })
  })

  test('can be stopped', async () => {
    const { http } = answering()
    const abortion = new AbortController()
    const uploading = assert.rejects(http.upload(file, { signal: abortion.signal }), { name: 'AbortError' })
    await Promise.resolve()
    abortion.abort()
    await uploading
  })
})

describe('a ticket', () => {
  test('is asked for with the token, and comes back as a whole address', async () => {
    const { http, asked } = answering({ body: { url: '/v1/artifacts/j/output.mp4?ticket=t', expires_in: 300 } })
    assert.equal((await http.ticket('/v1/artifacts/j/output.mp4')).url, 'http://gateway/v1/artifacts/j/output.mp4?ticket=t')
    assert.equal(asked[0].url, 'http://gateway/v1/artifacts/j/output.mp4/ticket')
    assert.equal(asked[0].headers.Authorization, 'Bearer old')
  })

  test('an old token is renewed once', async () => {
    const { http, asked } = answering({ status: 401 }, { body: { url: '/x' } })
    await http.ticket('/v1/artifacts/j/output.mp4')
    assert.equal(asked[1].headers.Authorization, 'Bearer new-1')
  })

  test('an address that would run as a script is refused', async () => {
    const { http } = answering()
    await assert.rejects(http.ticket('javascript:alert(1)'), /cannot be opened/)
  })

  test('the token goes nowhere but to the gateway', async () => {
    const { http, asked } = answering()
    assert.equal((await http.ticket('https://elsewhere/file.mp4')).url, 'https://elsewhere/file.mp4')
    assert.equal(asked.length, 0)
  })
})

describe('a problem', () => {
  test('tells all faults', () => {
    const problem = Problem.parse(400, JSON.stringify({ detail: 'Two faults.', errors: [{ pointer: '/priority', detail: 'is 11' }, { pointer: '/kind', detail: 'is missing' }] }))
    assert.equal(problem.message, 'Two faults. · /priority is 11 · /kind is missing')
  })

  test('of a proxy in between is at least its status', () => {
    const problem = Problem.parse(502, '<html>Bad gateway</html>')
    assert.equal(problem.message, 'HTTP status 502')
    assert.equal(problem.status, 502)
  })
})

test('a development token is asked for by name', async () => {
  const { fetch, asked } = answering({ body: { token: 't', expires_in: 3600 } })
  assert.equal((await developmentToken({ user: 'alice', base, fetch })).token, 't')
  assert.equal(asked[0].body, '{"user":"alice"}')
})
