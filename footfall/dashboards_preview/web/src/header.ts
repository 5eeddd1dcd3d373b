// The page's frame: names of dashboards, variables, time range, refresh, theme.
import { ask } from './api';
import { el, icon, ICONS } from './dom';
import { carried, isDark, parameters, setParameters } from './state';
import type { Variable } from './types';

export const RANGES: [string, string][] = [
  ['now-15m', 'Last 15 minutes'],
  ['now-1h', 'Last hour'],
  ['now-6h', 'Last 6 hours'],
  ['now-24h', 'Last 24 hours'],
  ['now-7d', 'Last 7 days'],
  ['now-30d', 'Last 30 days'],
  ['now-90d', 'Last 90 days'],
];
const REFRESHES = ['5s', '10s', '30s', '1m', '5m', '15m'];
export interface Listed {
  uid: string;
  title: string;
  description?: string;
  tags?: string[];
}

export async function listDashboards(): Promise<{ dashboards: Listed[]; faults: string[] }> {
  return ask('/api/dashboards', undefined);
}

export function drawNavigation(dashboards: Listed[], current: string): void {
  const more = carried();
  const item = (address: string, title: string, isCurrent: boolean, ...children: Node[]) =>
    el(
      'li',
      {},
      el('a', { href: address + more, ...(isCurrent ? { 'aria-current': 'page' } : {}) }, title, ...children),
    );
  const alerts = el('span', { class: 'count', id: 'alert-count' });
  document
    .querySelector('#navigation')!
    .replaceChildren(
      el(
        'ul',
        {},
        ...dashboards.map(({ uid, title }) => item(`/d/${encodeURIComponent(uid)}`, title, uid === current)),
        item('/alerts', 'Alerts', current === '/alerts', alerts),
      ),
    );
  const toggle = document.querySelector<HTMLButtonElement>('#menu')!;
  toggle.onclick = () => {
    const isOpen = document.body.classList.toggle('menu-open');
    toggle.setAttribute('aria-expanded', String(isOpen));
  };
}

export function drawTheme(changed: () => void): void {
  const button = document.querySelector<HTMLButtonElement>('#theme')!;
  button.replaceChildren(icon(ICONS.theme));
  const name = () => button.setAttribute('aria-label', isDark() ? 'Light theme' : 'Dark theme');
  name();
  button.onclick = () => {
    const theme = isDark() ? 'light' : 'dark';
    document.documentElement.dataset.theme = theme;
    setParameters({ theme }, true);
    name();
    changed();
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    name();
    changed();
  });
}

// How many rules fire, beside the name of their page.
export function showAlertCount({ firing = 0, pending = 0 }: Record<string, number>): void {
  const badge = document.querySelector<HTMLElement>('#alert-count');
  if (!badge) return;
  badge.textContent = firing ? `${firing} firing` : pending ? `${pending} pending` : '';
  badge.classList.toggle('firing', firing > 0);
}

export function drawVariables(variables: Variable[], changed: () => void): void {
  const holder = document.querySelector('#variables')!;
  const focused =
    document.activeElement instanceof HTMLElement && holder.contains(document.activeElement)
      ? document.activeElement.id
      : '';
  holder.replaceChildren(
    ...variables
      .filter(({ hidden }) => !hidden)
      .map((variable) => {
        const id = `var-${variable.name}`;
        const set = (values: string[]) => {
          setParameters({ [id]: values });
          changed();
        };
        return el(
          'div',
          { class: 'control' },
          el('label', { for: id }, variable.label),
          controlOf(variable, id, set),
          variable.fault ? el('span', { class: 'fault', role: 'alert' }, variable.fault) : null,
        );
      }),
  );
  if (focused) document.getElementById(focused)?.focus();
}

function controlOf(variable: Variable, id: string, set: (values: string[]) => void): HTMLElement {
  if (variable.kind === 'textbox') {
    return el('input', {
      id,
      type: 'text',
      value: variable.current[0] ?? '',
      maxlength: '300',
      change: ({ target }) => set([target.value]),
    });
  }
  if (!variable.multi) {
    return el(
      'select',
      { id, change: ({ target }) => set([target.value]) },
      ...variable.options.map(({ text, value }) =>
        el('option', { value, selected: variable.current.includes(value) }, text),
      ),
      variable.options.length ? null : el('option', { value: '' }, 'none'),
    );
  }
  // Several values: a list of boxes that opens, so that neither Ctrl nor a long press is needed.
  const told = variable.options.filter(({ value }) => variable.current.includes(value)).map(({ text }) => text);
  const boxes = variable.options.map(({ text, value }) =>
    el('label', {}, el('input', { type: 'checkbox', value, checked: variable.current.includes(value) }), text),
  );
  const list = el('div', { class: 'boxes', role: 'group', 'aria-label': variable.label }, ...boxes);
  const details = el(
    'details',
    { class: 'multi' },
    el(
      'summary',
      { id, 'aria-label': `${variable.label}: ${told.join(', ')}` },
      told.length > 2 ? `${told.length} chosen` : told.join(', ') || 'none',
    ),
    list,
  );
  let isChanged = false;
  list.addEventListener('change', ({ target }) => {
    isChanged = true;
    const box = target as HTMLInputElement;
    for (const other of list.querySelectorAll('input')) {
      if (box.checked && other !== box && (box.value === '$__all' || other.value === '$__all')) other.checked = false;
    }
  });
  details.addEventListener('toggle', () => {
    if (!details.open && isChanged)
      set([...list.querySelectorAll<HTMLInputElement>('input:checked')].map(({ value }) => value));
  });
  details.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') details.open = false;
  });
  document.addEventListener('click', ({ target }) => {
    if (!details.contains(target as Node)) details.open = false;
  });
  return details;
}

export function drawRange(from: string, to: string, changed: () => void): void {
  const known = to === 'now' && RANGES.some(([value]) => value === from);
  const select = document.querySelector<HTMLSelectElement>('#range')!;
  const form = document.querySelector<HTMLFormElement>('#custom')!;
  const [start, end] = ['#custom-from', '#custom-to'].map((name) => form.querySelector<HTMLInputElement>(name)!);
  select.replaceChildren(
    ...RANGES.map(([value, text]) => el('option', { value, selected: known && value === from }, text)),
    ...(known ? [] : [el('option', { value: '', selected: true }, `${words(from)} to ${words(to)}`)]),
    el('option', { value: 'custom' }, 'Custom …'),
  );
  form.hidden = true;
  start!.value = words(from);
  end!.value = words(to);
  select.onchange = () => {
    form.hidden = select.value !== 'custom';
    if (select.value === 'custom') {
      start!.focus();
      return;
    }
    if (select.value) {
      setParameters({ from: select.value, to: 'now' });
      changed();
    }
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    setParameters({ from: instant(start!.value), to: instant(end!.value) });
    changed();
    select.focus();
  };
}

// A time of the address as people write it, in their own time zone; and back.
const words = (value: string): string => {
  const time = new Date(/^\d+$/.test(value) ? Number(value) : /^\d{4}-\d{2}-\d{2}T/.test(value) ? value : NaN);
  if (Number.isNaN(time.getTime())) return value;
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16).replace('T', ' ');
};
const instant = (text: string): string => {
  const time = /^\d{4}-\d{2}-\d{2}/.test(text.trim()) ? new Date(text.trim().replace(' ', 'T')).getTime() : NaN;
  return Number.isNaN(time) ? text.trim() : String(time);
};

let timer: number | undefined;

export function drawRefresh(preset: string, reload: () => Promise<void>): void {
  const button = document.querySelector<HTMLButtonElement>('#refresh-now')!;
  const select = document.querySelector<HTMLSelectElement>('#refresh')!;
  const chosen = parameters().get('refresh') ?? preset;
  const offered = [...new Set([...REFRESHES, ...(chosen ? [chosen] : [])])];
  button.replaceChildren(icon(ICONS.refresh));
  button.onclick = () => void reload();
  select.replaceChildren(
    el('option', { value: '' }, 'Off'),
    ...offered.map((value) => el('option', { value, selected: value === chosen }, value)),
  );
  const wait = () => {
    clearTimeout(timer);
    const [, count, unit] = /^(\d+)([smh])$/.exec(select.value) ?? [];
    if (!count) return;
    const milliseconds = Number(count) * { s: 1e3, m: 6e4, h: 36e5 }[unit as 's' | 'm' | 'h'];
    timer = setTimeout(() => void (document.hidden ? Promise.resolve() : reload()).finally(wait), milliseconds);
  };
  select.onchange = () => {
    setParameters({ refresh: select.value }, true);
    wait();
  };
  wait();
}
