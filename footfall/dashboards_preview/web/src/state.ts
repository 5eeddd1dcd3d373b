// What the address says, by the names that Grafana's addresses have: from, to, refresh, theme, var-NAME.

export const parameters = (): URLSearchParams => new URLSearchParams(location.search);

// Changes of the address: undefined removes a parameter.
export function setParameters(changes: Record<string, string | string[] | undefined>, replace = false): void {
  const now = parameters();
  for (const [name, value] of Object.entries(changes)) {
    now.delete(name);
    for (const one of value === undefined ? [] : [value].flat()) now.append(name, one);
  }
  const text = now.toString();
  history[replace ? 'replaceState' : 'pushState'](null, '', location.pathname + (text ? `?${text}` : ''));
}

// The variables and the theme, which go along to another dashboard; its own time range is better than ours.
export function carried(): string {
  const kept = new URLSearchParams([...parameters()].filter(([name]) => name.startsWith('var-') || name === 'theme'));
  const text = kept.toString();
  return text ? `?${text}` : '';
}

export const isDark = (): boolean =>
  (document.documentElement.dataset.theme ??
    (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
