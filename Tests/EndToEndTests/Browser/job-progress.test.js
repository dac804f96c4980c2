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

test('one tag on a page of somebody else is a live bar', async (t) => {
  const { gateway, tab } = await scene(t, { speed: 2 })
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
