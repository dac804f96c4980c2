import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Makes a clip with picture and sound.
 *
 * @param {string} file
 * @param {{ seconds: number }} options
 */
export async function makeClip(file, { seconds }) {
  await run('ffmpeg', [
    '-loglevel', 'error', '-y', '-f', 'lavfi', '-i', `testsrc2=size=640x360:rate=25:duration=${seconds}`,
    '-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`,
    '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', file,
  ])
  return file
}

/** What a medium holds: its length in seconds, and the kinds of its streams. @param {string} file */
export async function probe(file) {
  const { stdout } = await run('ffprobe', [
    '-loglevel', 'error', '-show_entries', 'format=duration:stream=codec_type', '-of', 'json', file,
  ])
  const { format, streams } = JSON.parse(stdout)
  return { seconds: Number(format.duration), streams: streams.map(({ codec_type }) => codec_type) }
}
