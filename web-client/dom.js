/** Responsible for building elements without a word of HTML text: whatever comes from outside stays text. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties]  properties of the element; `class`, `role`, `data-…` and `aria-…` as attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'class' || name === 'role' || name.includes('-')) node.setAttribute(name, value)
    else node[name] = value
  }
  node.append(...children)
  return node
}

/** The element of the page with this id. @param {string} id @returns {any} */
export function byID(id) { return document.getElementById(id) }
