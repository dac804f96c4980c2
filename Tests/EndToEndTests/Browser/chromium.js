import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DevTools } from './dev-tools.js'
import { Tab } from './tab.js'

/** Responsible for one headless Chromium with a profile of its own: started, asked for tabs, ended. */
export class Chromium {
  /** @param {{ process: import('node:child_process').ChildProcess, devTools: DevTools, profile: string }} parts */
  constructor({ process, devTools, profile }) { Object.assign(this, { process, devTools, profile }) }

  static async launch() {
    const profile = await mkdtemp(path.join(tmpdir(), 'fanfare-chromium-'))
    const chromium = spawn(program(), [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-pipe',
      '--no-first-run', '--no-default-browser-check', '--disable-background-networking', '--disable-component-update',
      '--disable-extensions', '--disable-sync', '--mute-audio', '--autoplay-policy=no-user-gesture-required',
      // A page that a test makes up comes from no address, and loopback would be closed to it.
      '--disable-features=LocalNetworkAccessChecks', `--user-data-dir=${profile}`, 'about:blank',
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
    const failure = new Promise((_, reject) => chromium.once('error', reject))
    const devTools = new DevTools({ input: chromium.stdio[3], output: chromium.stdio[4] })
    await Promise.race([devTools.send('Browser.getVersion'), failure])
    return new Chromium({ process: chromium, devTools, profile })
  }

  /** A tab that shares nothing with the others: storage, cache, downloads. @returns {Promise<Tab>} */
  async newTab() {
    const downloads = await mkdtemp(path.join(this.profile, 'downloads-'))
    const { browserContextId } = await this.devTools.send('Target.createBrowserContext')
    await this.devTools.send('Browser.setDownloadBehavior', {
      behavior: 'allow', browserContextId, downloadPath: downloads, eventsEnabled: true,
    })
    const { targetId } = await this.devTools.send('Target.createTarget', {
      url: 'about:blank', browserContextId, width: 1280, height: 860,
    })
    const { sessionId } = await this.devTools.send('Target.attachToTarget', { targetId, flatten: true })
    return Tab.open({ devTools: this.devTools, sessionId, browserContextId, downloads })
  }

  async close() {
    const end = this.process.exitCode !== null || new Promise((resolve) => this.process.once('exit', resolve))
    // It ends before it answers as often as not.
    this.devTools.send('Browser.close').catch(() => {})
    await end
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

function program() {
  const known = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  const found = known.find((candidate) => candidate && existsSync(candidate))
  if (!found) throw new Error('No Chromium is installed; CHROMIUM may name one.')
  return found
}
