// Tables: the panel, and the data of every chart for those who can't see it.
import { ink, inkOn } from './colours';
import { el } from './dom';
import { fieldsOf, isHidden, show, valueColour } from './fields';
import { fillLink, type Place } from './links';
import type { Cell, Field, Frame, Panel } from './types';

const MOST_ROWS = 500;
const MOST_READ = 100;
export interface Sorting {
  column: string;
  isDescending: boolean;
}

export function table(
  body: HTMLElement,
  panel: Panel,
  frame: Frame | undefined,
  place: Place,
  sorting: Sorting | undefined,
  sort: (sorting: Sorting) => void,
): void {
  const all = frame ? fieldsOf(panel, frame) : [];
  const fields = all.filter((field) => !field.config.custom?.hidden && !isHidden(field, 'viz'));
  const given = sorting ?? byPanel(panel);
  const by = given && fields.find(({ title }) => title === given.column);
  const order = (frame?.rows ?? []).map((_, at) => at);
  if (by) order.sort((a, b) => compare(by.values[a]!, by.values[b]!) * (given.isDescending ? -1 : 1));
  const largest = new Map(
    fields.map((field) => [field, Math.max(...field.values.map((value) => (typeof value === 'number' ? value : 0)))]),
  );
  const head = el(
    'tr',
    {},
    ...fields.map((field) => {
      const isBy = field === by;
      const cell = el(
        'th',
        {
          scope: 'col',
          class: alignment(field),
          'aria-sort': isBy ? (given!.isDescending ? 'descending' : 'ascending') : 'none',
        },
        el(
          'button',
          {
            type: 'button',
            click: () =>
              sort({ column: field.title, isDescending: isBy ? !given!.isDescending : field.type === 'number' }),
          },
          field.title,
          el('span', { class: 'arrow', 'aria-hidden': 'true' }, isBy ? (given!.isDescending ? ' ↓' : ' ↑') : ''),
        ),
      );
      if (field.config.custom?.width) cell.style.width = `${field.config.custom.width}px`;
      return cell;
    }),
  );
  const rows = order
    .slice(0, MOST_ROWS)
    .map((at) => el('tr', {}, ...fields.map((field) => cellOf(field, all, at, place, largest.get(field)!))));
  const region = el(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `${panel.title || 'Table'}: rows` },
    el('table', {}, el('thead', {}, head), el('tbody', {}, ...rows)),
    order.length > MOST_ROWS
      ? el('p', { class: 'note' }, `the first ${MOST_ROWS} of ${order.length.toLocaleString('en')} rows`)
      : null,
  );
  const before = body.querySelector<HTMLElement>(':scope > .scroll');
  const [top, left] = [before?.scrollTop ?? 0, before?.scrollLeft ?? 0];
  const hadFocus = before?.contains(document.activeElement)
    ? [...before.querySelectorAll('a, button')].indexOf(document.activeElement!)
    : undefined;
  body.replaceChildren(region);
  region.scrollTo(left, top);
  if (hadFocus !== undefined) (region.querySelectorAll<HTMLElement>('a, button')[hadFocus] ?? region).focus();
}

function byPanel(panel: Panel): Sorting | undefined {
  const first = panel.options?.sortBy?.[0];
  return first && { column: first.displayName, isDescending: Boolean(first.desc) };
}

function compare(a: Cell, b: Cell): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  return typeof a === 'number' && typeof b === 'number'
    ? a - b
    : String(a).localeCompare(String(b), 'en', { numeric: true });
}

const alignment = ({ type, config }: Field): string => {
  const wanted = config.custom?.align;
  return wanted === 'center'
    ? 'middle'
    : wanted === 'right' || ((!wanted || wanted === 'auto') && type === 'number')
      ? 'right'
      : '';
};

function cellOf(field: Field, all: Field[], at: number, place: Place, largest: number): HTMLElement {
  const value = field.values[at]!;
  const { text, colour } = value === null ? { text: '–', colour: undefined } : show(field, value);
  const kind: string = field.config.custom?.cellOptions?.type ?? field.config.custom?.displayMode ?? 'auto';
  const link = field.config.links?.[0];
  const address = link && value !== null ? fillLink(link, place, { fields: all, at, field }) : undefined;
  const content = address
    ? el(
        'a',
        {
          href: address,
          title: link!.title,
          ...(link!.targetBlank ? { target: '_blank', rel: 'noopener noreferrer' } : {}),
        },
        text,
      )
    : text;
  const cell = el('td', { class: alignment(field) }, content);
  const tint = colour ?? (kind === 'auto' ? undefined : valueColour(field, value));
  if (kind.startsWith('color-background') && tint && value !== null && tint !== ink()) {
    cell.style.background = tint;
    cell.style.color = inkOn(tint);
  } else if (kind === 'gauge' && typeof value === 'number') {
    const bar = el('span', { class: 'bar' });
    bar.style.width = `${Math.max(0, Math.min(100, ((value - (field.config.min ?? 0)) / ((field.config.max ?? largest) - (field.config.min ?? 0) || 1)) * 100))}%`;
    bar.style.background = tint ?? '';
    cell.prepend(el('span', { class: 'gauge' }, bar));
  } else if (tint && !address) cell.style.color = tint;
  return cell;
}

// The rows of a chart as a plain table, for screen readers.
export function spoken(panel: Panel, frames: Frame[]): HTMLElement {
  return el(
    'div',
    { class: 'hidden-visually data' },
    ...frames
      .filter(({ rows }) => rows.length)
      .map((frame) => {
        const fields = fieldsOf(panel, frame);
        const rows = frame.rows.slice(-MOST_READ);
        const first = frame.rows.length - rows.length;
        const caption = `${panel.title || 'Chart'}: data${first ? `, the last ${MOST_READ} of ${frame.rows.length} rows` : ''}`;
        return el(
          'table',
          {},
          el('caption', {}, caption),
          el('thead', {}, el('tr', {}, ...fields.map(({ title }) => el('th', { scope: 'col' }, title)))),
          el(
            'tbody',
            {},
            ...rows.map((row, at) =>
              el(
                'tr',
                {},
                ...row.map((value, column) =>
                  el('td', {}, show(fields[column]!, fields[column]!.values[first + at] ?? value).text),
                ),
              ),
            ),
          ),
        );
      }),
  );
}
