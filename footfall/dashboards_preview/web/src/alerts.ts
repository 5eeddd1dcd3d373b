// The page of alert rules: which fire, which will, and why.
import { ask } from './api';
import { el } from './dom';
import { showAlertCount } from './header';
import { isAddress } from './links';
import { formatNumber, formatTime } from './units';

interface Instance {
  state: string;
  labels: Record<string, string>;
  values: Record<string, number>;
  annotations: Record<string, string>;
  since: number | null;
}
interface Rule {
  uid: string;
  title: string;
  group: string;
  for: string;
  severity: string;
  state: string;
  fault: string;
  needs: string;
  runbook: string;
  annotations: Record<string, string>;
  instances: Instance[];
}
interface Answer {
  evaluated: number;
  counts: Record<string, number>;
  rules: Rule[];
  faults: string[];
  assumed_docs: string; // where runbooks are looked for as nobody said where they are
}

export async function loadAlerts(holder?: HTMLElement): Promise<void> {
  try {
    const answer = await ask<Answer>('/api/alerts', undefined);
    showAlertCount(answer.counts);
    holder?.replaceChildren(
      el(
        'p',
        { class: 'note' },
        `evaluated ${formatTime(answer.evaluated)} · ${
          Object.entries(answer.counts)
            .filter(([, count]) => count)
            .map(([state, count]) => `${count} ${state}`)
            .join(', ') || 'no rules'
        }`,
      ),
      ...(answer.assumed_docs && answer.rules.some(({ runbook }) => runbook.startsWith(answer.assumed_docs))
        ? [el('p', { class: 'note' }, `runbooks: ${answer.assumed_docs}, while mkdocs serve runs; or set DOCS_URL`)]
        : []),
      ...answer.faults.map((fault) => el('p', { class: 'message error' }, fault)),
      el('ul', { class: 'alerts' }, ...answer.rules.map(ruleOf)),
    );
  } catch (error) {
    holder?.replaceChildren(el('p', { class: 'message error', role: 'alert' }, (error as Error).message));
  }
}

function ruleOf(rule: Rule): HTMLElement {
  const { state } = rule;
  const loud = rule.instances.filter((one) => one.state === 'firing' || one.state === 'pending');
  return el(
    'li',
    { class: `alert ${state.replace(' ', '-')}`, 'data-rule': rule.uid },
    el(
      'div',
      { class: 'head' },
      el('span', { class: 'state' }, state),
      el('h2', {}, rule.title),
      rule.severity ? el('span', { class: 'severity' }, rule.severity) : null,
      isAddress(rule.runbook)
        ? el(
            'a',
            { href: rule.runbook, target: '_blank', rel: 'noopener noreferrer' },
            'Runbook',
            el('span', { class: 'hidden-visually' }, ` of ${rule.title}`),
          )
        : null,
    ),
    rule.annotations.summary && loud.length ? el('p', {}, rule.annotations.summary) : null,
    rule.annotations.description && loud.length ? el('p', { class: 'note' }, rule.annotations.description) : null,
    rule.needs ? el('p', { class: 'note' }, `needs ${rule.needs}`) : null,
    rule.fault ? el('p', { class: 'message error' }, rule.fault) : null,
    el('p', { class: 'note' }, `must hold for ${rule.for}`),
    loud.length > 1 || loud.some(({ labels }) => Object.keys(labels).length)
      ? el(
          'ul',
          { class: 'instances' },
          ...loud.map((one) =>
            el(
              'li',
              {},
              `${one.state}${one.since ? ` since ${formatTime(one.since)}` : ''}: ${
                Object.entries(one.labels)
                  .map(([name, value]) => `${name} ${value}`)
                  .join(', ') || rule.title
              }` +
                Object.entries(one.values)
                  .slice(0, 1)
                  .map(([, value]) => ` (${formatNumber(value)})`)
                  .join(''),
            ),
          ),
        )
      : null,
  );
}
