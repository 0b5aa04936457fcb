/** What this browser keeps. In frames of other sites it may keep nothing: then it lasts as long as the page. */
const unkept = new Map<string, string>();

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return unkept.get(key) ?? null;
  }
}

export function remember(key: string, value: string) {
  try {
    localStorage.setItem(key, value);
  } catch {
    unkept.set(key, value);
  }
}
