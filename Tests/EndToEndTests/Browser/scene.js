import { Chromium } from './chromium.js'
import { FanfareProcess } from './fanfare-process.js'

let chromium

/** One browser for a file of tests; each test has its own gateway and a tab that shares nothing with the others. */
export const browser = {
  async open() { chromium = await Chromium.launch() },
  async close() { await chromium.close() },
}

/**
 * A gateway and an empty tab, until the end of the test. At the end the page must not have complained.
 *
 * @param {import('node:test').TestContext} test
 * @param {Parameters<typeof FanfareProcess.start>[0] & { expected?: RegExp[] }} [options]  expected: complaints that belong
 *   to what the test does, such as the browser's own report of a refused connection
 */
export async function scene(test, { expected = [], ...options } = {}) {
  const gateway = await FanfareProcess.start(options)
  const tab = await chromium.newTab().catch(async (error) => { await gateway.end(); throw error })
  test.after(async () => {
    // The tab first: a gateway that goes away under it would be one more thing to complain of.
    await tab.close()
    await gateway.end()
    const complaints = tab.complaints.filter((complaint) => !expected.some((pattern) => pattern.test(complaint)))
    if (complaints.length > 0) throw new Error(`the page complained:\n${complaints.join('\n')}`)
  })
  return { gateway, tab }
}

/** Opens the page and signs in with a development token. */
export async function signIn({ gateway, tab }, user = 'alice') {
  await tab.goTo(gateway.origin)
  await tab.type('#user', user)
  await tab.click('#sign-in')
  await tab.until(() => document.querySelector('#connection').dataset.state === 'connected')
}

/** Chooses the clip and starts its conversion; gives the job's id. */
export async function convert({ tab }, clip) {
  const known = await tab.run(() => [...document.querySelectorAll('[data-job]')].map(({ dataset }) => dataset.job))
  await tab.choose('#file', clip)
  await tab.click('#start')
  return tab.until((known) => [...document.querySelectorAll('[data-job]')]
    .map(({ dataset }) => dataset.job).find((id) => !known.includes(id)), known)
}

/** What the card of a job shows, as soon as it is in this state and at least so far. */
export async function shows({ tab }, id, state, percent = 0) {
  return tab.until((id, state, percent) => {
    const card = document.querySelector(`[data-job="${id}"]`)
    if (card?.dataset.state !== state || !(Number(card.dataset.percent) >= percent)) return undefined
    const { headline, detail, percent: number } = card.querySelector('job-progress').parts
    return {
      title: card.querySelector('h3').textContent, headline: headline.textContent, detail: detail.textContent,
      number: number.textContent, percent: Number(card.dataset.percent),
    }
  }, id, state, percent)
}
