// What all charts share: one ECharts instance a panel that is kept while data change, axes, tooltips, a legend of buttons.
import { getInstanceByDom, init, type ECharts, type EChartsCoreOption } from './echarts.js';
import { faint, ink, line, surface } from './colours';
import { el } from './dom';
import type { Link, Field } from './types';
import type { Place } from './links';

export interface Drawing {
  body: HTMLElement; // where the panel's content goes; what was there before may be used again
  place: Place;
  utc: boolean;
  hidden: Set<string>; // series that the legend has switched off
  redraw: () => void;
}

export interface LegendEntry {
  name: string;
  colour: string;
  value?: string;
}

// Draws into the panel, on the instance that is there or a new one; without animation, so that a refresh doesn't flicker.
export function draw(drawing: Drawing, option: EChartsCoreOption, legend: LegendEntry[] = [], side = false): ECharts {
  let area = drawing.body.querySelector<HTMLElement>(':scope > .chart');
  if (!area) {
    area = el('div', { class: 'chart' });
    drawing.body.replaceChildren(area);
  }
  drawing.body.classList.toggle('side', side && legend.length > 0);
  drawing.body.querySelector(':scope > .legend')?.remove();
  if (legend.length) drawing.body.append(legendOf(drawing, legend));
  const chart = getInstanceByDom(area) ?? init(area, null, { renderer: 'svg' });
  chart.setOption(
    { animation: false, textStyle: { fontFamily: 'system-ui, sans-serif', color: faint() }, ...option },
    true,
  );
  chart.resize();
  return chart;
}

export function dispose(body: HTMLElement): void {
  const area = body.querySelector<HTMLElement>(':scope > .chart');
  if (area) getInstanceByDom(area)?.dispose();
}

export const resize = (body: HTMLElement): void => {
  const area = body.querySelector<HTMLElement>(':scope > .chart');
  if (area) getInstanceByDom(area)?.resize();
};

function legendOf({ hidden, redraw }: Drawing, entries: LegendEntry[]): HTMLElement {
  const items = entries.map(({ name, colour, value }) => {
    const key = el('span', { class: 'key' });
    key.style.background = colour;
    const toggle = el(
      'button',
      {
        type: 'button',
        'aria-pressed': String(!hidden.has(name)),
        title: name,
        click: () => {
          if (!hidden.delete(name)) hidden.add(name);
          redraw();
        },
      },
      key,
      el('span', {}, name),
      value ? el('span', { class: 'figure' }, value) : null,
    );
    return el('li', {}, toggle);
  });
  return el('ul', { class: 'legend', 'aria-label': 'Series' }, ...items);
}

export const grid = {
  left: 8,
  right: 14,
  top: 12,
  bottom: 4,
  outerBoundsMode: 'same',
  outerBoundsContain: 'axisLabel',
};

export const axisLook = () => ({
  axisLine: { show: false },
  axisTick: { show: false },
  axisLabel: { color: faint(), hideOverlap: true, fontSize: 11 },
  splitLine: { lineStyle: { color: line() } },
});

export const timeLook = () => ({
  ...axisLook(),
  splitLine: { show: false },
  axisLabel: {
    ...axisLook().axisLabel,
    formatter: {
      year: '{yyyy}',
      month: '{MMM} {yyyy}',
      day: '{MMM} {d}',
      hour: '{HH}:{mm}',
      minute: '{HH}:{mm}',
      second: '{HH}:{mm}:{ss}',
      millisecond: '{HH}:{mm}:{ss}',
    },
  },
});

export const tooltipLook = () => ({
  confine: true,
  backgroundColor: surface(),
  borderColor: line(),
  textStyle: { color: ink(), fontSize: 12 },
  transitionDuration: 0,
});

// A tooltip of elements: markup with style attributes is what the page's policy forbids.
export function tooltipOf(head: string, lines: { name: string; colour?: string; value: string }[]): HTMLElement {
  return el(
    'div',
    { class: 'tooltip' },
    el('strong', {}, head),
    ...lines.map(({ name, colour, value }) => {
      const key = el('span', { class: 'key' });
      if (colour) key.style.background = colour;
      return el('div', {}, colour ? key : null, el('span', {}, name), el('span', { class: 'figure' }, value));
    }),
  );
}

export const hasLegend = (options: Record<string, any>): boolean =>
  options.legend?.showLegend !== false && options.legend?.displayMode !== 'hidden';

export const firstLink = (field: Field): Link | undefined => field.config.links?.[0];
