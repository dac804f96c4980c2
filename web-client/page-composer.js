import { byID } from './dom.js'
import { byteSize } from './job-text.js'
import { presetNamed, showPresets } from './page-presets.js'

/** Responsible for choosing a file and a preset; what happens with them is for `onStart`. */
export class Composer {
  /** @param {{ onStart: (file: File, preset: import('./page-presets.js').presets[number]) => void }} options */
  constructor({ onStart }) {
    this.onStart = onStart
    this.file = undefined
    showPresets(byID('presets'))
    byID('file').addEventListener('change', () => this.#choose(byID('file').files[0]))
    byID('composer').addEventListener('submit', (event) => {
      event.preventDefault()
      this.#start()
    })
    this.#acceptDrops(byID('drop'))
  }

  #choose(file) {
    this.file = file
    byID('start').disabled = !file
    byID('drop').toggleAttribute('data-chosen', Boolean(file))
    byID('file-name').textContent = file?.name ?? 'Drop a video here'
    byID('file-hint').textContent = file ? `${byteSize(file.size)}, choose another` : 'or choose a file'
  }

  #start() {
    if (!this.file) return
    const { file } = this
    const preset = presetNamed(new FormData(byID('composer')).get('preset'))
    byID('file').value = ''
    this.#choose(undefined)
    this.onStart(file, preset)
  }

  // The whole page takes the drop: a video that misses the box would otherwise replace the page.
  #acceptDrops(drop) {
    let depth = 0
    const lit = (isLit) => drop.toggleAttribute('data-over', isLit)
    const hasFile = (event) => event.dataTransfer?.types.includes('Files')
    document.addEventListener('dragenter', (event) => { if (hasFile(event)) lit(++depth > 0) })
    document.addEventListener('dragleave', (event) => { if (hasFile(event)) lit(--depth > 0) })
    document.addEventListener('dragover', (event) => { if (hasFile(event)) event.preventDefault() })
    document.addEventListener('drop', (event) => {
      if (!hasFile(event)) return
      event.preventDefault()
      depth = 0
      lit(false)
      if (byID('workbench').hidden) return
      const [file] = event.dataTransfer.files
      if (file) this.#choose(file)
    })
  }
}
