import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { makeClip } from './clip.js'
import { browser, scene } from './scene.js'

let folder
let clip

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'fanfare-clips-'))
  clip = await makeClip(path.join(folder, 'clip.mp4'), { seconds: 6 })
  await browser.open()
})

after(async () => {
  await browser.close()
  await rm(folder, { recursive: true, force: true })
})

/** A job on its way, and a page of somebody else with its tag. */
async function theirPage(t, { speed, expected }) {
  const { gateway, tab } = await scene(t, { speed, expected })
  const token = await gateway.token('alice')
  const { upload } = await gateway.call('POST', '/v1/uploads?name=clip.mp4', {
    token, body: await readFile(clip), headers: { 'content-type': 'video/mp4' },
  })
  const { job } = await gateway.call('POST', '/v1/jobs', {
    token, headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'ffmpeg', payload: { input: `upload:${upload}`, output: 'output.mp4' } }),
  })
  await tab.serve(`${gateway.origin}/their-page`, `<!doctype html><link rel="icon" href="data:,">
    <script type="module" src="/client/job-progress.js"></script>
    <job-progress job="${job.id}" token="${token}"></job-progress>`)
  await tab.goTo(`${gateway.origin}/their-page`)
  return { gateway, tab }
}

test('one tag on a page of somebody else is a live bar', async (t) => {
  const { tab } = await theirPage(t, { speed: 2 })
  await tab.run(() => {
    window.shown = []
    const element = document.querySelector('job-progress')
    element.addEventListener('change', ({ detail }) => window.shown.push(detail.percent))
    element.addEventListener('end', ({ detail }) => { window.end = detail })
  })
  const bar = await tab.until(() => {
    const track = document.querySelector('job-progress').shadowRoot?.querySelector('[role="progressbar"]')
    return Number(track?.getAttribute('aria-valuenow')) >= 40 && {
      now: Number(track.getAttribute('aria-valuenow')), text: track.getAttribute('aria-valuetext'),
      width: track.getBoundingClientRect().width, filled: track.firstChild.style.transform,
    }
  })
  await tab.picture('8-job-progress')
  assert.ok(bar.now < 100)
  assert.ok(bar.width > 100, `${bar.width} px`)
  assert.match(bar.text, new RegExp(`${bar.now} %`))
  assert.match(bar.filled, /^translateX\(-\d/)
  const end = await tab.until(() => window.end)
  assert.equal(end.state, 'completed')
  assert.equal(end.result.artifacts[0].name, 'output.mp4')
  const shown = await tab.run(() => window.shown)
  assert.ok(shown.filter(Number.isFinite).length >= 3, `live: ${shown}`)
  assert.equal(await tab.run(() => document.querySelector('job-progress').hasAttribute('finished')), true)
})

test('a bar whose gateway is away says so, to the eye and to the ear, and goes on when it is back', async (t) => {
  const { gateway, tab } = await theirPage(t, { speed: 2, expected: [/WebSocket connection to/, /ERR_CONNECTION_REFUSED/] })
  const look = () => tab.run(() => {
    const element = document.querySelector('job-progress')
    const { interruption, spoken, track, headline, percent } = element.parts
    return {
      isInterrupted: element.hasAttribute('interrupted'), word: interruption.textContent, height: element.offsetHeight,
      spoken: spoken.textContent, value: track.getAttribute('aria-valuetext'), dimmed: Number(getComputedStyle(track).opacity),
      headline: headline.textContent, percent: percent.textContent,
    }
  })
  await tab.until(() => Number(document.querySelector('job-progress').parts?.track.getAttribute('aria-valuenow')) >= 20)
  const before = await look()
  assert.deepEqual([before.isInterrupted, before.word, before.dimmed], [false, '', 1])

  await gateway.kill()
  await tab.until(() => document.querySelector('job-progress[interrupted]') !== null)
  await tab.picture('9-interrupted')
  const away = await look()
  assert.equal(away.word, 'Updates are interrupted')
  assert.match(away.spoken, /\. Updates are interrupted$/)
  assert.match(away.value, /%.*, Updates are interrupted$/)
  assert.ok(away.dimmed < 1)
  assert.match(away.percent, /^\d+ %$/, 'what was known last stays')
  assert.equal(away.height, before.height, 'nothing moves')

  // By its part alone, from a page's own style sheet.
  const hidden = await tab.run(() => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync('job-progress::part(interruption) { display: none }')
    document.adoptedStyleSheets = [sheet]
    return getComputedStyle(document.querySelector('job-progress').parts.interruption).display
  })
  assert.equal(hidden, 'none')

  await gateway.run()
  await tab.until(() => document.querySelector('job-progress:not([interrupted])') !== null)
  const back = await look()
  assert.deepEqual([back.word, back.dimmed], ['', 1])
  assert.doesNotMatch(back.spoken + back.value, /interrupted/)
  await tab.until(() => document.querySelector('job-progress[finished]') !== null)
})
