/** What may be open beside the canvas. */
export const PANEL_NAMES = ['run', 'values', 'variables', 'features', 'checks', 'history'] as const;
export type PanelName = (typeof PANEL_NAMES)[number];

/** What of the studio deserves a link. */
export interface StudioSearch {
  /** The node whose panel is open. */
  node?: string | undefined;
  panel?: PanelName | undefined;
  /** A run of the history. */
  run?: string | undefined;
}
