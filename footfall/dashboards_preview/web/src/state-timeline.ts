// The state-timeline panel: what was the case from when to when.
import { axisLook, draw, grid, timeLook, tooltipLook, tooltipOf, type Drawing } from './charts';
import { inkOn, seriesColour, thresholdColour } from './colours';
import { fieldsOf, isHidden, show, timeOf } from './fields';
import type { Panel, PanelData } from './types';
import { formatTime } from './units';

interface Span {
  row: number;
  start: number;
  end: number;
  text: string;
  colour: string;
}

export function stateTimeline(drawing: Drawing, panel: Panel, data: PanelData): void {
  const options = panel.options ?? {};
  const rows: string[] = [];
  const spans: Span[] = [];
  const seen = new Map<string, string>();
  for (const frame of data.frames) {
    const fields = fieldsOf(panel, frame);
    const time = timeOf(fields);
    if (!time) continue;
    for (const field of fields.filter((one) => one !== time && !isHidden(one, 'viz'))) {
      const row = rows.push(field.title) - 1;
      let last: Span | undefined;
      field.values.forEach((value, at) => {
        const start = Number(time.values[at]);
        if (value === null) {
          if (last) last.end = start;
          last = undefined;
          return;
        }
        const { text, colour: mapped } = show(field, value);
        if (last) last.end = start;
        if (last?.text === text && options.mergeValues !== false) {
          last.end = data.to;
          return;
        }
        if (!seen.has(text))
          seen.set(
            text,
            mapped ??
              (field.config.color?.mode === 'thresholds' && field.type === 'number'
                ? thresholdColour(field.config, value)
                : seriesColour(seen.size)),
          );
        last = { row, start, end: data.to, text, colour: seen.get(text)! };
        spans.push(last);
      });
    }
  }
  // A visit of minutes in a range of days would be a hair: the axis shows what there is, as Grafana does when zoomed in.
  const [first, end] = [Math.min(...spans.map(({ start }) => start)), Math.max(...spans.map(({ start }) => start))];
  const length = Math.max(end - first, 60_000);
  const isShort = spans.length > 1 && length < (data.to - data.from) / 20;
  const [from, to] = isShort ? [first, end + length / 10] : [data.from, data.to];
  draw(
    drawing,
    {
      useUTC: drawing.utc,
      grid,
      tooltip: {
        ...tooltipLook(),
        trigger: 'item',
        formatter: ({ dataIndex }: any) => {
          const { row, start, end, text, colour } = spans[dataIndex]!;
          return tooltipOf(rows[row]!, [
            { name: text, colour, value: '' },
            { name: `${formatTime(start, drawing.utc)} – ${formatTime(end, drawing.utc)}`, value: '' },
          ]);
        },
      },
      xAxis: { type: 'time', min: from, max: to, ...timeLook() },
      yAxis: { type: 'category', data: rows, inverse: true, ...axisLook(), splitLine: { show: false } },
      series: [
        {
          type: 'custom',
          clip: true,
          data: spans.map(({ row, start, end }) => [row, start, end]),
          encode: { x: [1, 2], y: 0 },
          renderItem: (_: any, api: any) => {
            const span = spans[api.dataIndex ?? _.dataIndex]!;
            const [left, middle] = api.coord([Math.max(span.start, from), span.row]);
            const [right] = api.coord([Math.min(span.end, to), span.row]);
            const height = api.size([0, 1])[1] * (options.rowHeight ?? 0.9);
            const width = Math.max(right - left - 1, 1);
            const fits = options.showValue !== 'never' && width > 26;
            return {
              type: 'rect',
              shape: { x: left, y: middle - height / 2, width, height, r: 2 },
              style: { fill: span.colour },
              textConfig: { position: options.alignValue === 'center' ? 'inside' : 'insideLeft' },
              textContent: fits
                ? {
                    style: {
                      text: span.text,
                      fill: inkOn(span.colour),
                      width: width - 8,
                      overflow: 'truncate',
                      fontSize: 11,
                      fontFamily: 'system-ui, sans-serif',
                    },
                  }
                : undefined,
            };
          },
        },
      ],
    },
    options.legend?.showLegend ? [...seen].map(([name, colour]) => ({ name, colour })) : [],
  );
}
