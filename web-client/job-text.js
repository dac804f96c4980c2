/**
 * Responsible for saying what a job is doing, in words: the same ones in the progress element, on the page and to a
 * screen reader.
 *
 * @typedef {object} Description
 * @property {'waiting' | 'running' | 'stalled' | 'cancelling' | 'completed' | 'failed' | 'cancelled'} tone
 * @property {string} headline
 * @property {string} detail   may be empty
 * @property {number} [percent]  absent when nothing can be said
 */

/** What is said beside a description that may be old. */
export const interruptionText = 'Updates are interrupted'

/** @param {Record<string, any>} job @returns {Description} */
export function describe(job) {
  const say = wording[job.state]
  if (!say) return { tone: 'waiting', headline: 'Looking for the job…', detail: '' }
  const description = { detail: '', ...say(job) }
  if (job.cancelling && (job.state === 'running' || job.state === 'queued')) {
    return { ...description, tone: 'cancelling', headline: 'Cancelling…', detail: 'Waiting for the worker to stop.' }
  }
  return description
}

const wording = {
  scheduled: () => ({ tone: 'waiting', headline: 'Scheduled', detail: 'Starts later.' }),
  blocked: ({ pending_parents: parents }) => ({
    tone: 'waiting', headline: 'Waiting', detail: parents > 1 ? `${parents} other jobs have to finish first.` : 'Another job has to finish first.',
  }),
  queued: ({ position, estimate }) => ({
    tone: 'waiting',
    headline: position === undefined ? 'Queued' : position === 1 ? 'Next in line' : `In line: place ${position}`,
    detail: [
      position > 1 ? `${position - 1} ${position === 2 ? 'job is' : 'jobs are'} ahead.` : 'Waiting for a free worker.', waitOf(estimate),
    ].filter(Boolean).join(' '),
  }),
  running: (job) => {
    const percent = job.percent ?? 0
    if (job.stalled) return { tone: 'stalled', percent, headline: 'Stalled', detail: 'No word from the worker; the job goes to another one soon.' }
    return { tone: 'running', percent, headline: capitalized(String(job.stage ?? 'running')), detail: paceOf(job) }
  },
  retrying: (job) => ({
    tone: 'stalled', headline: 'Trying again soon',
    detail: sentence(`Attempt ${job.attempt ?? 1}${job.max_attempts ? ` of ${job.max_attempts}` : ''} failed`, job.error?.message),
  }),
  completed: (job) => ({ tone: 'completed', percent: 100, headline: 'Done', detail: tookOf(job) }),
  failed: (job) => ({ tone: 'failed', percent: job.percent, headline: 'Failed', detail: job.error?.message ?? '' }),
  cancelled: (job) => ({ tone: 'cancelled', percent: job.percent, headline: 'Cancelled', detail: job.error?.message ?? '' }),
}

/** "Starts in 20 s to 2 min 05 s.": a range, because run times vary. */
function waitOf(estimate) {
  if (!(estimate?.most >= 0)) return ''
  const [least, most] = [duration(estimate.least), duration(estimate.most)]
  return Math.round(estimate.least) === 0 ? `Starts within ${most}.` : `Starts in ${least} to ${most}.`
}

/** "1.3× speed · 24 fps · 12 s left", from what the worker tells of itself. */
function paceOf({ details, message, attempt, lost }) {
  const { speed, fps, eta_seconds: eta } = details ?? {}
  const parts = []
  if (attempt > 1) parts.push(`attempt ${attempt}`)
  if (lost > 0) parts.push('picked up again')
  if (Number.isFinite(speed)) parts.push(`${Number(speed.toPrecision(2))}× speed`)
  if (Number.isFinite(fps)) parts.push(`${Math.round(fps)} fps`)
  if (Number.isFinite(eta)) parts.push(`${duration(eta)} left`)
  if (parts.length === 0 && message) parts.push(message)
  return parts.join(' · ')
}

function tookOf({ started_at, finished_at }) {
  if (!(finished_at >= started_at)) return ''
  return `Took ${duration((finished_at - started_at) / 1000)}.`
}

function sentence(start, rest) { return rest ? `${start}: ${rest}` : `${start}.` }

function capitalized(text) { return text.charAt(0).toUpperCase() + text.slice(1) }

/** @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`
}

/** @param {number} bytes */
export function byteSize(bytes) {
  if (!(bytes >= 1000)) return `${bytes ?? 0} bytes`
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = bytes / 1000
  let unit = 0
  // 999.95, not 1000: rounding must not print "1000.0 kB".
  while (value >= 999.95 && unit < units.length - 1) { value /= 1000; unit += 1 }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`
}
