/**
 * Responsible for how <job-progress> looks. Colours and sizes can be set from outside through the custom properties.
 *
 * A constructed sheet, not a <style> element: a page's Content-Security-Policy may forbid inline styles.
 */
export const styleText = `
  :host { display: block; font: 400 0.875rem/1.4 system-ui, sans-serif; color: inherit;
    --_accent: var(--job-progress-accent, #b4560c); --_good: var(--job-progress-good, #1d7a45);
    --_bad: var(--job-progress-bad, #b3261e); --_still: var(--job-progress-still, #6f6a62);
    --_warn: var(--job-progress-warn, #8a6100); --_track: var(--job-progress-track, #e6e1d8);
    --_height: var(--job-progress-height, 0.5rem); --_tone: var(--_accent); }
  :host([hidden]) { display: none; }
  @media (prefers-color-scheme: dark) {
    :host { --_accent: var(--job-progress-accent, #f0a04b); --_good: var(--job-progress-good, #5cc98a);
      --_bad: var(--job-progress-bad, #ff8a80); --_still: var(--job-progress-still, #a39c91);
      --_warn: var(--job-progress-warn, #e5bd55); --_track: var(--job-progress-track, #37332c); }
  }
  .frame[data-tone="waiting"] { --_tone: var(--_still); }
  .frame[data-tone="stalled"], .frame[data-tone="cancelling"] { --_tone: var(--_warn); }
  .frame[data-tone="completed"] { --_tone: var(--_good); }
  .frame[data-tone="failed"] { --_tone: var(--_bad); }
  .frame[data-tone="cancelled"] { --_tone: var(--_still); }
  .line { display: flex; align-items: baseline; gap: 0.75rem; margin-bottom: 0.375rem; }
  .headline { font-weight: 600; color: var(--_tone); }
  .interruption { flex-shrink: 99; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
    font-size: 0.8125em; color: var(--_still); }
  .percent { margin-inline-start: auto; font-weight: 600; font-variant-numeric: tabular-nums; }
  .track { position: relative; overflow: hidden; height: var(--_height); border-radius: 99rem; background: var(--_track); }
  .bar { position: absolute; inset: 0; border-radius: inherit; background: var(--_tone);
    transform: translateX(-100%); transition: transform 0.4s ease-out, background-color 0.2s; }
  .frame[data-starts-over] .bar { transition: none; }
  .frame[data-unknown] .bar { inline-size: 30%; opacity: 0.55; animation: sweep 2.4s ease-in-out infinite alternate; }
  @keyframes sweep { from { transform: translateX(-20%); } to { transform: translateX(255%); } }
  :host([interrupted]) .track { opacity: 0.5; }
  :host([interrupted]) .bar { animation-play-state: paused; }
  .detail { margin-top: 0.375rem; min-height: 1.4em; color: var(--_still); font-variant-numeric: tabular-nums;
    overflow-wrap: anywhere; }
  .frame[data-tone="failed"] .detail { color: var(--_bad); }
  .spoken { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%);
    white-space: nowrap; }
  @media (prefers-reduced-motion: reduce) {
    .bar { transition: none; }
    .frame[data-unknown] .bar { animation: none; inline-size: 100%; opacity: 0.25; transform: none; }
  }
  @media (forced-colors: active) { .track { border: 1px solid; } .bar { background: Highlight; } }
`
