// `footfall preview-dashboards`: the page. A dashboard at /d/UID, the alert rules at /alerts.
import { loadAlerts } from './alerts';
import { ask } from './api';
import { el, icon, ICONS } from './dom';
import {
  drawNavigation,
  drawRange,
  drawRefresh,
  drawTheme,
  drawVariables,
  listDashboards,
  type Listed,
} from './header';
import { fillLink, fillText, type Place } from './links';
import { PanelView } from './panel';
import { parameters } from './state';
import type { Annotation, Dashboard, Link, Panel, Variable } from './types';

const SUFFIX = 'Footfall preview, not Grafana';
const main = document.querySelector<HTMLElement>('main')!;
const title = document.querySelector<HTMLElement>('h1')!;

async function start(): Promise<void> {
  document.querySelector('#menu')!.replaceChildren(icon(ICONS.menu), 'Menu');
  const { dashboards, faults } = await listDashboards();
  if (location.pathname === '/alerts') return alertsPage(dashboards);
  const uid =
    decodeURIComponent(/^\/d\/([^/]+)/.exec(location.pathname)?.[1] ?? '') ||
    (dashboards.find((one) => one.uid === 'overview') ?? dashboards[0])?.uid;
  drawNavigation(dashboards, uid ?? '');
  document
    .querySelector('#faults')!
    .replaceChildren(...faults.map((fault) => el('p', { class: 'message error', role: 'alert' }, fault)));
  if (!uid) {
    drawTheme(() => {});
    return fail('There are no dashboards: write one into dashboards/');
  }
  await dashboardPage(await ask<Dashboard>(`/api/dashboards/${encodeURIComponent(uid)}`, undefined), dashboards);
}

function alertsPage(dashboards: Listed[]): Promise<void> {
  drawNavigation(dashboards, '/alerts');
  document.body.classList.add('alerts-page');
  title.textContent = 'Alerts';
  document.title = `Alerts – ${SUFFIX}`;
  drawTheme(() => {});
  drawRefresh('30s', () => loadAlerts(main));
  return loadAlerts(main);
}

async function dashboardPage(board: Dashboard, dashboards: Listed[]): Promise<void> {
  document.title = `${board.title} – ${SUFFIX}`;
  title.textContent = board.title;
  document.querySelector('#description')!.textContent = board.description ?? '';
  const views = layOut(board);
  let loading = new AbortController();

  const reload = async (): Promise<void> => {
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    const words = {
      from: parameters().get('from') ?? board.time?.from ?? 'now-24h',
      to: parameters().get('to') ?? board.time?.to ?? 'now',
    };
    const asked = new URLSearchParams({ uid: board.uid, ...words });
    for (const [name, value] of parameters()) if (name.startsWith('var-')) asked.append(name, value);
    drawRange(words.from, words.to, () => void reload());
    void loadAlerts();
    let variables: Variable[] = [];
    try {
      variables = (await ask<{ variables: Variable[] }>('/api/variables', asked, signal)).variables;
    } catch (error) {
      if ((error as Error).name === 'AbortError') return;
    }
    const place: Place = { variables, from: 0, to: 0, words };
    drawVariables(variables, () => void reload());
    drawLinks(board.links ?? [], dashboards, place);
    const annotations = ask<{ annotations: Annotation[] }>('/api/annotations', asked, signal).then(
      (answer) => answer.annotations,
      () => [],
    );
    const fixed = new URLSearchParams({ uid: board.uid, ...words });
    for (const { name, current } of variables) for (const value of current) fixed.append(`var-${name}`, value);
    for (const row of document.querySelectorAll<HTMLElement>('[data-title]'))
      row.textContent = fillText(row.dataset.title!, variables);
    await Promise.all(views.map((view) => view.load(fixed, place, annotations, signal)));
    document.body.dataset.ready = 'true';
  };

  addEventListener('popstate', () => void reload());
  drawTheme(() => views.forEach((view) => view.draw()));
  drawRefresh(typeof board.refresh === 'string' ? board.refresh : '', reload);
  await reload();
}

function layOut(board: Dashboard): PanelView[] {
  const utc = board.timezone === 'utc';
  const views: PanelView[] = [];
  const make = (panel: Panel, inRow: boolean): HTMLElement => {
    const view = new PanelView(panel, utc, inRow);
    views.push(view);
    return view.element;
  };
  const order = [...board.panels].sort(
    (a, b) => (a.gridPos?.y ?? 0) - (b.gridPos?.y ?? 0) || (a.gridPos?.x ?? 0) - (b.gridPos?.x ?? 0),
  );
  let section = el('section', { class: 'grid' });
  main.replaceChildren(section);
  let top = 0;
  for (const panel of order) {
    if (panel.type !== 'row') {
      const made = make(panel, false);
      made.style.setProperty('--y', String((panel.gridPos?.y ?? 0) - top + 1));
      section.append(made);
      continue;
    }
    // A row opens and closes what is below it.
    top = (panel.gridPos?.y ?? 0) + 1;
    const heading = el('span', { 'data-title': panel.title ?? '' }, panel.title ?? '');
    section = el('section', { class: 'grid' });
    const inner = panel.panels ?? [];
    const first = Math.min(...inner.map(({ gridPos }) => gridPos?.y ?? 0));
    for (const one of inner) {
      const made = make(one, true);
      made.style.setProperty('--y', String((one.gridPos?.y ?? 0) - first + 1));
      section.append(made);
    }
    main.append(
      el('details', { class: 'row', open: !panel.collapsed }, el('summary', {}, el('h2', {}, heading)), section),
    );
  }
  return views;
}

function drawLinks(links: Link[], dashboards: Listed[], place: Place): void {
  const items = links.flatMap((link): HTMLElement[] => {
    const one = (text: string, url: string) => {
      const address = fillLink({ ...link, url }, place);
      return address
        ? [
            el(
              'a',
              { href: address, ...(link.targetBlank ? { target: '_blank', rel: 'noopener noreferrer' } : {}) },
              text,
            ),
          ]
        : [];
    };
    if (link.type !== 'dashboards') return one(fillText(link.title, place.variables), link.url);
    const named = dashboards.filter(({ tags }) => (link.tags ?? []).every((tag) => tags?.includes(tag)));
    // The menu has all dashboards already: this list takes the time range along too.
    return [
      el(
        'details',
        { class: 'multi' },
        el('summary', {}, link.title || 'Dashboards'),
        el(
          'div',
          { class: 'boxes' },
          el('p', { class: 'note' }, 'with this time and these choices'),
          ...named.flatMap(({ uid, title }) => one(title, `/d/${encodeURIComponent(uid)}`)),
        ),
      ),
    ];
  });
  document.querySelector('#links')!.replaceChildren(...items);
}

function fail(text: string): void {
  main.replaceChildren(el('p', { class: 'message error', role: 'alert' }, text));
}

start().catch((error: Error) => {
  drawTheme(() => {});
  fail(error.message);
});
