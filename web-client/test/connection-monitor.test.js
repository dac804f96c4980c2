import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionMonitor } from '../connection-monitor.js'
import { ManualEnvironment } from './support/manual-environment.js'

function monitored() {
  const environment = new ManualEnvironment()
  const silences = []
  const monitor = new ConnectionMonitor({ environment, onSilence: () => silences.push(environment.now()), grace: 10_000 })
  return { environment, monitor, silences }
}

test('silence is told once the ping is later than its grace', async () => {
  const { environment, monitor, silences } = monitored()
  monitor.start(25_000)
  await environment.advance(34_999)
  assert.equal(silences.length, 0)
  await environment.advance(1)
  assert.equal(silences.length, 1)
})

test('every message puts it off', async () => {
  const { environment, monitor, silences } = monitored()
  monitor.start(25_000)
  await environment.advance(30_000)
  monitor.recordTraffic()
  await environment.advance(34_000)
  assert.equal(silences.length, 0)
  await environment.advance(1000)
  assert.equal(silences.length, 1)
})

test('a gateway without pings is never silent', async () => {
  const { environment, monitor, silences } = monitored()
  monitor.start(0)
  await environment.advance(10_000_000)
  assert.equal(silences.length, 0)
  assert.equal(monitor.isStale(), false)
})

test('once stopped it keeps quiet', async () => {
  const { environment, monitor, silences } = monitored()
  monitor.start(25_000)
  monitor.stop()
  await environment.advance(100_000)
  assert.equal(silences.length, 0)
})

test('a laptop that slept finds its connection stale before any timer fires', () => {
  const { environment, monitor } = monitored()
  monitor.start(25_000)
  environment.sleep(3_600_000)
  assert.equal(monitor.isStale(), true)
})
