// One panel: its frame, and its content in every state: data, nothing, an error, another data source.
import { ask } from './api';
import { barchart, figuresOf, heatmap, piechart } from './categories';
import { dispose, resize, type Drawing } from './charts';
import { el, icon, ICONS } from './dom';
import { fillLink, fillText, type Place } from './links';
import { geomap } from './map';
import { stat } from './stat';
import { stateTimeline } from './state-timeline';
import { spoken, table, type Sorting } from './table';
import { timeseries } from './timeseries';
import type { Annotation, Panel, PanelData } from './types';

const CHARTS = [
  'timeseries',
  'barchart',
  'piechart',
  'heatmap',
  'geomap',
  'state-timeline',
  'status-history',
  'bargauge',
];
const SIMILAR: Record<string, string> = {
  gauge: 'stat',
  graph: 'timeseries',
  bargauge: 'barchart',
  'status-history': 'state-timeline',
  'table-old': 'table',
};

export class PanelView {
  readonly element: HTMLElement;
  private readonly heading: HTMLElement;
  private readonly body = el('div', { class: 'body' });
  private readonly about = el('p', { class: 'about', hidden: true });
  private readonly links = el('span', { class: 'links' });
  private readonly hidden = new Set<string>();
  private readonly kind: string;
  private data?: PanelData;
  private annotations: Annotation[] = [];
  private place: Place = { variables: [], from: 0, to: 0, words: { from: '', to: '' } };
  private asTable = false;
  private sorting?: Sorting;
  private named: string;
  private turn = 0;

  constructor(
    private readonly panel: Panel,
    private readonly utc: boolean,
    inRow: boolean,
  ) {
    this.heading = el(inRow ? 'h3' : 'h2');
    this.kind = SIMILAR[panel.type] ?? panel.type;
    const tools: HTMLElement[] = [];
    const name = panel.title || 'panel';
    this.named = name;
    if (panel.description) {
      this.about.id = `about-${panel.id}`;
      tools.push(
        el(
          'button',
          {
            type: 'button',
            class: 'tool',
            'aria-expanded': 'false',
            'aria-controls': this.about.id,
            'aria-label': `About ${name}`,
            click: ({ currentTarget }) => {
              this.about.hidden = !this.about.hidden;
              currentTarget.setAttribute('aria-expanded', String(!this.about.hidden));
            },
          },
          icon(ICONS.info),
        ),
      );
    }
    if (CHARTS.includes(panel.type)) {
      tools.push(
        el(
          'button',
          {
            type: 'button',
            class: 'tool',
            'aria-pressed': 'false',
            'aria-label': `${name} as a table`,
            title: 'Show the data as a table',
            click: ({ currentTarget }) => {
              this.asTable = !this.asTable;
              currentTarget.setAttribute('aria-pressed', String(this.asTable));
              this.clear();
              this.draw();
            },
          },
          icon(ICONS.table),
        ),
      );
    }
    this.element = el(
      'article',
      { class: `panel ${this.kind}`, 'data-panel': String(panel.id) },
      el('header', {}, this.heading, this.links, ...tools),
      this.about,
      this.body,
    );
    const { x = 0, y = 0, w = 12, h = 8 } = panel.gridPos ?? {};
    for (const [key, value] of Object.entries({ x: x + 1, y, w, h }))
      this.element.style.setProperty(`--${key}`, String(value));
    this.body.setAttribute('aria-busy', 'true');
    new ResizeObserver(() => resize(this.body)).observe(this.body);
  }

  // Asks for the rows and draws them; what is shown stays until they are there.
  async load(
    parameters: URLSearchParams,
    place: Place,
    annotations: Promise<Annotation[]>,
    signal: AbortSignal,
  ): Promise<void> {
    this.place = place;
    this.heading.textContent = fillText(this.panel.title ?? '', place.variables);
    this.heading.hidden = !this.panel.title;
    for (const tool of this.element.querySelectorAll('.tool'))
      tool.setAttribute(
        'aria-label',
        tool.getAttribute('aria-label')!.replace(this.named, this.heading.textContent || 'panel'),
      );
    this.named = this.heading.textContent || 'panel';
    this.about.textContent = fillText(this.panel.description ?? '', place.variables);
    this.links.replaceChildren(
      ...(this.panel.links ?? []).flatMap((link) => {
        const address = fillLink(link, place);
        return address ? [el('a', { href: address }, fillText(link.title, place.variables))] : [];
      }),
    );
    if (this.kind === 'text') {
      this.text();
      return;
    }
    const asked = new URLSearchParams(parameters);
    asked.set('panel', String(this.panel.id));
    try {
      const data = await ask<PanelData>('/api/query', asked, signal);
      const notes = this.kind === 'timeseries' ? await annotations : [];
      signal.throwIfAborted();
      [this.data, this.annotations] = [data, notes];
      this.place = { ...place, from: data.from, to: data.to };
      this.draw();
    } catch (error) {
      if ((error as Error).name === 'AbortError') return;
      this.say((error as Error).message, 'error');
    }
    this.body.setAttribute('aria-busy', 'false');
  }

  draw = (): void => {
    const { data, panel } = this;
    if (!data) return;
    const turn = ++this.turn;
    const drawing: Drawing = {
      body: this.body,
      place: this.place,
      utc: this.utc,
      hidden: this.hidden,
      redraw: this.draw,
    };
    if (data.needs.length && !data.frames.length) return this.say(`needs ${data.needs.join(', ')}`, 'needs');
    if (this.isEmpty(data))
      return this.say(panel.fieldConfig?.defaults?.noValue ?? 'No data in this time range', 'empty');
    if (this.body.querySelector('.message')) this.clear();
    try {
      if (this.asTable || this.kind === 'table' || !(this.kind in this.charts || this.kind === 'stat')) {
        table(this.body, panel, data.frames[0], this.place, this.sorting, (sorting) => {
          this.sorting = sorting;
          this.draw();
        });
        if (!(this.kind in this.charts) && this.kind !== 'table')
          this.note(`this preview draws no ${panel.type}: its rows`);
      } else if (this.kind === 'stat') stat(drawing, panel, data);
      else
        void Promise.resolve(this.charts[this.kind]!(drawing, turn)).then(() => this.turn === turn && this.speak(data));
      if (data.frames.some(({ truncated }) => truncated))
        this.note('only the first rows: the query gives more than this preview takes');
    } catch (error) {
      console.error(error);
      this.say(`this panel can't be drawn: ${(error as Error).message}`, 'error');
    }
  };

  private readonly charts: Record<string, (drawing: Drawing, turn: number) => void | Promise<void>> = {
    timeseries: (drawing) => timeseries(drawing, this.panel, this.data!, this.annotations),
    'state-timeline': (drawing) => stateTimeline(drawing, this.panel, this.data!),
    barchart: (drawing) => barchart(drawing, this.panel, this.data!),
    piechart: (drawing) => piechart(drawing, this.panel, this.data!),
    heatmap: (drawing) => heatmap(drawing, this.panel, this.data!),
    geomap: (drawing, turn) => geomap(drawing, this.panel, this.data!, () => this.turn === turn),
  };

  private isEmpty({ frames }: PanelData): boolean {
    const rows = frames.flatMap((frame) => frame.rows);
    if (!rows.length) return true;
    // An aggregate over nothing is a row of NULL: for a figure that is a value (noValue), for a chart it is nothing.
    return this.kind === 'stat'
      ? figuresOf(this.panel, this.data!).length === 0
      : rows.every((row) => row.every((value) => value === null));
  }

  private text(): void {
    const content = el('div', {
      class: 'prose',
      tabindex: '0',
      role: 'region',
      'aria-label': this.panel.title || 'Text',
    });
    content.innerHTML = String(this.panel.options?.html ?? ''); // made by the server from Markdown, with HTML escaped
    const walker = document.createTreeWalker(content, NodeFilter.SHOW_TEXT);
    while (walker.nextNode())
      walker.currentNode.nodeValue = fillText(walker.currentNode.nodeValue ?? '', this.place.variables);
    this.body.replaceChildren(content);
    this.body.setAttribute('aria-busy', 'false');
  }

  private speak({ frames }: PanelData): void {
    const area = this.body.querySelector('.chart');
    area?.setAttribute('role', 'img');
    area?.setAttribute('aria-label', `${this.panel.title || 'Chart'}: drawing; its data follow as a table`);
    this.body.querySelector('.data')?.remove();
    this.body.append(spoken(this.panel, frames));
  }

  private say(text: string, kind: 'empty' | 'needs' | 'error'): void {
    this.turn++;
    this.clear();
    this.body.append(
      el('p', { class: `message ${kind}`, ...(kind === 'error' ? { role: 'alert', title: text } : {}) }, text),
    );
    this.body.setAttribute('aria-busy', 'false');
  }

  private note(text: string): void {
    this.body.querySelector(':scope > .note')?.remove();
    this.body.append(el('p', { class: 'note' }, text));
  }

  private clear(): void {
    dispose(this.body);
    this.body.classList.remove('side');
    this.body.replaceChildren();
  }
}
