import { Fanfare } from '../../fanfare.js'
import { TokenSource } from '../../token-source.js'
import { ManualEnvironment, settled } from './manual-environment.js'

/**
 * A Fanfare over a fake gateway, connected unless told otherwise.
 *
 * @param {{ token?: string, getToken?: () => any, random?: number, prepare?: (server: any) => void }} [options]
 */
export async function connected({ token = 'first', getToken, random, prepare } = {}) {
  const environment = new ManualEnvironment({ random })
  const { server } = environment
  prepare?.(server)
  const fanfare = new Fanfare({
    url: new URL('ws://gateway/connection/websocket'), tokens: new TokenSource({ token, getToken }), environment,
  })
  fanfare.connection.connect()
  await settled()
  return { environment, server, fanfare, client: fanfare.connection }
}
