import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { makeClip, probe } from './clip.js'
import { browser, convert, scene, shows, signIn } from './scene.js'

const seconds = 8
// Twice as fast as it plays: halfway is a moment that can be looked at.
const speed = 2
let folder
let clip

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'fanfare-clips-'))
  clip = await makeClip(path.join(folder, 'Carnival of Rust.mp4'), { seconds })
  await browser.open()
})

after(async () => {
  await browser.close()
  await rm(folder, { recursive: true, force: true })
})

test('a clip dropped on the page is converted before the eyes of its user, played and downloaded', async (t) => {
  const at = await scene(t, { speed })
  const { tab } = at
  await tab.goTo(at.gateway.origin)
  await tab.until(() => !document.querySelector('#welcome').hidden)
  await tab.picture('1-welcome')
  await signIn(at)
  await tab.drag('#drop', clip, { drops: false })
  await tab.until(() => document.querySelector('#drop').hasAttribute('data-over'))
  await tab.drag('#drop', clip)
  await tab.until(() => document.querySelector('#file-name').textContent === 'Carnival of Rust.mp4')
  await tab.picture('2-chosen')

  // Everything the page shows of the job, in its order.
  await tab.run(() => {
    window.shown = []
    new MutationObserver((changes) => {
      for (const { target, attributeName } of changes) {
        if (!target.dataset.job) continue
        window.shown.push({ [attributeName]: target.getAttribute(attributeName) })
      }
    }).observe(document.querySelector('#jobs'), { subtree: true, attributeFilter: ['data-state', 'data-percent'] })
  })
  await tab.click('#start')
  const id = await tab.until(() => document.querySelector('[data-job]')?.dataset.job)
  const half = await shows(at, id, 'running', 45)
  await tab.picture('3-halfway')
  assert.equal(half.title, 'Carnival of Rust.mp4')
  assert.match(half.number, /^\d\d %$/)
  assert.match(half.detail, /× speed/)

  const done = await shows(at, id, 'completed', 100)
  assert.deepEqual([done.headline, done.number], ['Done', '100 %'])
  assert.match(done.detail, /^Took \d+ s\.$/)
  const video = await tab.until(() => {
    const video = document.querySelector('video')
    return video?.readyState >= 2 && { duration: video.duration, width: video.videoWidth, height: video.videoHeight }
  })
  assert.ok(Math.abs(video.duration - seconds) < 0.5, `${video.duration} s`)
  assert.deepEqual([video.width, video.height], [640, 360])
  await tab.run(() => document.querySelector('video').play())
  await tab.until(() => document.querySelector('video').currentTime > 1)
  await tab.run(() => document.querySelector('video').pause())
  await tab.picture('4-done')

  const shown = await tab.run(() => window.shown)
  const percents = shown.flatMap((change) => Number(change['data-percent'] || NaN)).filter(Number.isFinite)
  assert.ok(percents.length >= 5, `live: ${percents}`)
  assert.deepEqual(percents, [...percents].sort((a, b) => a - b), 'percent rises')
  assert.equal(percents.at(-1), 100)

  const file = await tab.download('[data-action="download"]')
  assert.equal(path.basename(file), 'Carnival of Rust.mp4')
  const made = await probe(file)
  assert.deepEqual(made.streams.sort(), ['audio', 'video'])
  assert.ok(Math.abs(made.seconds - seconds) < 0.5)
})

test('a second job waits its turn in sight, and begins when the first has ended', async (t) => {
  const at = await scene(t, { speed: 4, workers: 1 })
  await signIn(at)
  const first = await convert(at, clip)
  await shows(at, first, 'running')
  const second = await convert(at, clip)
  const waiting = await shows(at, second, 'queued')
  assert.equal(waiting.headline, 'Next in line')
  await shows(at, first, 'completed')
  await shows(at, second, 'running')
  await shows(at, second, 'completed')
})

test('a waiting job shows its place and how long that is likely to last', async (t) => {
  const at = await scene(t, { speed: 2, workers: 1, window: 1 })
  const { gateway, tab } = at
  // Enough runs for the gateway to know how long one takes.
  const token = await gateway.token('bob')
  const { upload } = await gateway.call('POST', '/v1/uploads?name=clip.mp4', {
    token, body: await readFile(clip), headers: { 'content-type': 'video/mp4' },
  })
  const { jobs } = (await gateway.call('POST', '/v1/groups', {
    token, headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      jobs: Array(5).fill({ kind: 'ffmpeg', payload: { input: `upload:${upload}`, output: 'output.mp4', arguments: ['-t', '1'] } }),
    }),
  }))
  assert.equal(await gateway.call('GET', `/v1/jobs/${jobs.at(-1).job.id}?wait=60`, { token }).then(({ state }) => state), 'completed')
  await signIn(at)
  const first = await convert(at, clip)
  await shows(at, first, 'running')
  await convert(at, clip)
  const third = await convert(at, clip)
  const detail = await tab.until((id) => {
    const { headline, detail } = document.querySelector(`[data-job="${id}"] job-progress`).parts
    return headline.textContent === 'In line: place 2' && /Starts/.test(detail.textContent) && detail.textContent
  }, third)
  await tab.picture('9-waiting')
  const still = await tab.run((id) => document.querySelector(`[data-job="${id}"] job-progress`).parts.detail.textContent, third)
  assert.match(still, /Starts/, 'what is known stays in sight')
  assert.match(detail, /^1 job is ahead\. Starts (in \d+ s to|within) \d+ s\.$/)
  await shows(at, third, 'completed')
})

test('a reload in the middle of a job finds it again and follows it to its end', async (t) => {
  const at = await scene(t, { speed })
  await signIn(at)
  const id = await convert(at, clip)
  const before = await shows(at, id, 'running', 25)
  await at.tab.reload()
  const after = await shows(at, id, 'running', before.percent)
  assert.equal(after.title, 'Carnival of Rust.mp4')
  await shows(at, id, 'completed')
  assert.equal(await at.tab.run(() => document.querySelectorAll('[data-job]').length), 1)
  // A list of finished jobs stays a list; one that was seen running shows its result.
  await at.tab.until(() => document.querySelector('video')?.readyState >= 1)
})

test('a killed gateway is waited for; the job it was running runs again, to its end', async (t) => {
  const at = await scene(t, { speed, expected: [/WebSocket connection to/, /ERR_CONNECTION_REFUSED/] })
  const { gateway, tab } = at
  await signIn(at)
  const id = await convert(at, clip)
  await shows(at, id, 'running', 30)
  await gateway.kill()
  await tab.until(() => /^Reconnecting/.test(document.querySelector('#connection-text').textContent))
  await tab.until(() => document.querySelector('job-progress[interrupted]') !== null)
  await tab.picture('5-gateway-away')
  await gateway.run()
  await tab.until(() => document.querySelector('#connection').dataset.state === 'connected')
  await tab.until(() => document.querySelector('job-progress:not([interrupted])') !== null)
  await shows(at, id, 'completed')
  await tab.until(() => document.querySelector('video')?.readyState >= 1)
  assert.equal(await tab.run(() => document.querySelectorAll('[data-job]').length), 1)
  const job = await gateway.call('GET', `/v1/jobs/${id}`, { token: await gateway.token('alice') })
  assert.equal(job.lost, 1)
})

test('a running job is cancelled by its button', async (t) => {
  const at = await scene(t, { speed: 0.5 })
  await signIn(at)
  const id = await convert(at, clip)
  await shows(at, id, 'running', 5)
  await at.tab.click('[data-action="cancel"]')
  const cancelled = await shows(at, id, 'cancelled')
  assert.equal(cancelled.headline, 'Cancelled')
  assert.equal(await at.tab.run(() => document.querySelector('[data-action="cancel"]').hidden), true)
  await at.tab.picture('6-cancelled')
})

test('a user over the budget is told how long to wait, and goes on from there', async (t) => {
  const at = await scene(t, { window: 5, expected: [/status of 429/] })
  const { gateway, tab } = at
  await signIn(at)
  const token = await gateway.token('alice')
  for (let request = 0; request < 10; request += 1) await gateway.call('GET', '/v1/jobs', { token })
  await tab.choose('#file', clip)
  await tab.click('#start')
  const told = await tab.until(() => {
    const card = document.querySelector('[data-upload][data-state="failed"]')
    const button = [...card?.querySelectorAll('button') ?? []].find(({ textContent }) => /^Try again/.test(textContent))
    return button && { detail: card.querySelector('job-progress').parts.detail.textContent, button: button.textContent, disabled: button.disabled }
  })
  assert.match(told.detail, /^Too many requests\. Try again in [1-5] s\.$/)
  assert.match(told.button, /^Try again in [1-5] s$/)
  assert.equal(told.disabled, true)
  await tab.picture('7-too-many-requests')
  await tab.until(() => [...document.querySelectorAll('[data-upload] button')]
    .some(({ textContent, disabled }) => textContent === 'Try again' && !disabled))
  await tab.run(() => [...document.querySelectorAll('[data-upload] button')].find(({ textContent }) => textContent === 'Try again').click())
  const id = await tab.until(() => document.querySelector('[data-job]')?.dataset.job)
  await shows(at, id, 'completed')
})
