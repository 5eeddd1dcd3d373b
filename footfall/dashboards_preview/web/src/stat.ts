// Big figures: stat, and gauge as one.
import { figuresOf } from './categories';
import { firstLink, type Drawing } from './charts';
import { ink, inkOn } from './colours';
import { el } from './dom';
import { show, valueColour } from './fields';
import { fillLink } from './links';
import type { Panel, PanelData } from './types';

export function stat({ body, place }: Drawing, panel: Panel, data: PanelData): void {
  const options = panel.options ?? {};
  const figures = figuresOf(panel, data).slice(0, 24);
  const tiles = figures.map(({ name, value, field, at }) => {
    const shown = show(field, value);
    const tint = shown.colour ?? valueColour(field, value);
    const link = firstLink(field);
    const address = link && fillLink(link, place, { fields: [field], at, field });
    const figure = el('span', { class: 'big' }, shown.text);
    const isNamed =
      options.textMode === 'value_and_name' ||
      options.textMode === 'name' ||
      (options.textMode !== 'value' && figures.length > 1);
    const tile = address ? el('a', { class: 'tile', href: address }) : el('div', { class: 'tile' });
    tile.append(
      ...(isNamed ? [el('span', { class: 'name' }, name)] : []),
      ...(options.textMode === 'name' ? [] : [figure]),
    );
    if (options.colorMode?.startsWith('background') && tint !== ink()) {
      tile.style.background = tint;
      tile.style.color = inkOn(tint);
    } else if (options.colorMode !== 'none') figure.style.color = tint;
    figure.style.setProperty('--length', String(Math.max(shown.text.length, 4)));
    tile.style.setProperty('--share', String(Math.max(shown.text.length, isNamed ? name.length * 0.7 : 0, 3)));
    return tile;
  });
  body.replaceChildren(el('div', { class: 'tiles' }, ...tiles));
}
