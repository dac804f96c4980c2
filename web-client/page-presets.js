import { element } from './dom.js'

/** Responsible for the conversions the page offers, each a payload of the `ffmpeg` kind. */
export const presets = [
  {
    id: 'small', title: 'Small video', about: 'MP4, 640 px, H.264', output: 'output.mp4',
    arguments: ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '26', '-pix_fmt', 'yuv420p', '-vf', 'scale=640:-2',
      '-c:a', 'aac', '-b:a', '128k', '-movflags', '+faststart'],
  },
  {
    id: 'sharp', title: 'Sharp video', about: 'MP4, 1280 px, H.264', output: 'output.mp4',
    arguments: ['-c:v', 'libx264', '-preset', 'fast', '-crf', '21', '-pix_fmt', 'yuv420p', '-vf', 'scale=1280:-2',
      '-c:a', 'aac', '-b:a', '160k', '-movflags', '+faststart'],
  },
  {
    id: 'sound', title: 'Sound only', about: 'M4A, AAC 160 kbit/s', output: 'output.m4a',
    arguments: ['-vn', '-c:a', 'aac', '-b:a', '160k', '-movflags', '+faststart'],
  },
  {
    id: 'loop', title: 'Silent loop', about: 'WebM, 6 s, in place of a GIF', output: 'output.webm',
    arguments: ['-t', '6', '-an', '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '500k',
      '-vf', 'fps=12,scale=480:-2'],
  },
]

/** @param {string} id */
export function presetNamed(id) { return presets.find((preset) => preset.id === id) ?? presets[0] }

/** @param {typeof presets[number]} preset @param {string} upload */
export function payloadOf(preset, upload) {
  return { input: `upload:${upload}`, output: preset.output, arguments: preset.arguments }
}

/** The choice, as radio buttons. @param {HTMLElement} fieldset */
export function showPresets(fieldset) {
  for (const { id, title, about } of presets) {
    const input = element('input', { type: 'radio', name: 'preset', value: id, id: `preset-${id}`, checked: id === 'small' })
    const words = element('span', { class: 'preset-words' },
      element('strong', { textContent: title }), element('span', { textContent: about }))
    fieldset.append(element('label', { class: 'preset' }, input, words))
  }
}
