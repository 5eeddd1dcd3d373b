// Panels of categories: barchart, piechart, heatmap.
import { axisLook, draw, firstLink, grid, hasLegend, tooltipLook, tooltipOf, type Drawing } from './charts';
import { ink, inkOn, schemeColour, seriesColour, surface } from './colours';
import { fieldColour, fieldsOf, numbers, reduce, show, timeOf, valueColour } from './fields';
import { fillLink } from './links';
import { linesOf, valueAxis } from './timeseries';
import type { Cell, Field, Panel, PanelData } from './types';
import { formatNumber, formatTime } from './units';

export function barchart(drawing: Drawing, panel: Panel, data: PanelData): void {
  const options = panel.options ?? {};
  const fields = data.frames[0] ? fieldsOf(panel, data.frames[0]) : [];
  const label =
    fields.find(({ title, name }) => options.xField && (title === options.xField || name === options.xField)) ??
    fields.find(({ type }) => type === 'string') ??
    timeOf(fields) ??
    fields[0];
  const bars = numbers(fields).filter((field) => field !== label);
  const shown = bars.filter(({ title }) => !drawing.hidden.has(title));
  const names = (label?.values ?? []).map((value) =>
    label!.type === 'time' ? formatTime(Number(value), drawing.utc).slice(0, 16) : String(value ?? '–'),
  );
  const isHorizontal = options.orientation === 'horizontal';
  const isStacked = options.stacking && options.stacking !== 'none';
  const totals = names.map((_, at) => shown.reduce((sum, field) => sum + Number(field.values[at] ?? 0), 0));
  const category = {
    type: 'category',
    data: names,
    inverse: isHorizontal,
    ...axisLook(),
    splitLine: { show: false },
    axisLabel: {
      ...axisLook().axisLabel,
      color: ink(),
      width: isHorizontal ? 130 : 90,
      overflow: 'truncate',
      rotate: isHorizontal ? 0 : -(options.xTickLabelRotation ?? 0) || 0,
      interval: isHorizontal && names.length <= 25 ? 0 : 'auto',
    },
  };
  const value = { ...valueAxis(shown), max: options.stacking === 'percent' ? 1 : undefined, scale: false } as any;
  if (isHorizontal) Object.assign(value, { position: 'bottom', splitNumber: 4 });
  if (isHorizontal && shown.length === 1 && options.showValue !== 'never') value.axisLabel = { show: false };
  const chart = draw(
    drawing,
    {
      grid: { ...grid, right: isHorizontal ? 52 : 14 },
      tooltip: {
        ...tooltipLook(),
        trigger: 'axis',
        axisPointer: { type: 'shadow' },
        formatter: (points: any) =>
          tooltipOf(
            names[[points].flat()[0].dataIndex]!,
            shown.map((field) => ({
              name: field.title,
              colour: colourOf(field, bars.indexOf(field)),
              value: show(field, field.values[[points].flat()[0].dataIndex] ?? null).text,
            })),
          ),
      },
      [isHorizontal ? 'yAxis' : 'xAxis']: category,
      [isHorizontal ? 'xAxis' : 'yAxis']: value,
      series: shown.map((field) => ({
        type: 'bar',
        name: field.title,
        stack: isStacked ? 'all' : undefined,
        barMaxWidth: isHorizontal ? 22 : 48,
        cursor: firstLink(field) ? 'pointer' : 'default',
        itemStyle: {
          color: colourOf(field, bars.indexOf(field)),
          borderRadius: isStacked ? 0 : isHorizontal ? [0, 2, 2, 0] : [2, 2, 0, 0],
        },
        data: field.values.map((one, at) => ({
          value: one === null ? null : options.stacking === 'percent' ? Number(one) / (totals[at] || 1) : Number(one),
          ...(['palette-classic', 'fixed', undefined].includes(field.config.color?.mode)
            ? {}
            : { itemStyle: { color: valueColour(field, one) } }),
        })),
        label: {
          show:
            options.showValue !== 'never' &&
            (options.showValue === 'always' || (!isStacked && names.length * shown.length <= 30)),
          position: isStacked ? 'inside' : isHorizontal ? 'right' : 'top',
          color: isStacked ? inkOn(colourOf(field, bars.indexOf(field))) : ink(),
          fontSize: 11,
          formatter: ({ dataIndex }: any) => show(field, field.values[dataIndex] ?? null).text,
        },
      })),
    },
    hasLegend(options) && bars.length > 1
      ? bars.map((field, at) => ({ name: field.title, colour: colourOf(field, at) }))
      : [],
    options.legend?.placement === 'right',
  );
  chart.off('click');
  chart.on('click', ({ seriesName, dataIndex }: any) =>
    follow(
      shown.find(({ title }) => title === seriesName),
      fields,
      dataIndex,
      drawing,
    ),
  );
}

const colourOf = (field: Field, at: number): string =>
  field.config.color?.mode === 'thresholds' ? valueColour(field, reduce(field.values, 'max')) : fieldColour(field, at);

function follow(field: Field | undefined, fields: Field[], at: number, { place }: Drawing): void {
  const link = field && firstLink(field);
  const address = link && fillLink(link, place, { fields, at, field });
  if (address) location.assign(address);
}

export interface Figure {
  name: string;
  value: Cell;
  field: Field;
  at: number;
}

// What stat and pie show: each row, or each column reduced to one value.
export function figuresOf(panel: Panel, data: PanelData): Figure[] {
  const { values, calcs, fields: wanted, limit } = panel.options?.reduceOptions ?? {};
  return data.frames.flatMap((frame) => {
    const fields = fieldsOf(panel, frame);
    const label = fields.find(({ type }) => type === 'string');
    const pattern = /^\/(.*)\/$/.exec(wanted ?? '')?.[1];
    const chosen = wanted
      ? fields.filter(({ title }) => (pattern ? new RegExp(pattern).test(title) : title === wanted))
      : numbers(fields);
    // With no number at all a text or a time is what there is to show.
    const used =
      chosen.length || wanted
        ? chosen
        : fields.filter((field) => field.type !== 'time' || fields.length === 1).slice(0, 1);
    if (values) {
      return frame.rows.slice(0, limit ?? 50).flatMap((_, at) =>
        used.map((field) => ({
          name: label ? String(label.values[at] ?? '–') + (used.length > 1 ? ` ${field.title}` : '') : field.title,
          value: field.values[at] ?? null,
          field,
          at,
        })),
      );
    }
    return used.map((field) => ({
      name: field.title,
      value: reduce(field.values, calcs?.[0] ?? 'lastNotNull'),
      field,
      at: frame.rows.length - 1,
    }));
  });
}

export function piechart(drawing: Drawing, panel: Panel, data: PanelData): void {
  const options = panel.options ?? {};
  const figures = figuresOf(panel, data).filter(({ value }) => typeof value === 'number' && value > 0);
  const colours = figures.map(
    ({ field, value, name }, at) =>
      show(field, name).colour ??
      (field.config.color?.mode === 'thresholds' ? valueColour(field, value) : seriesColour(at)),
  );
  const shown = figures
    .map((figure, at) => ({ ...figure, colour: colours[at]! }))
    .filter(({ name }) => !drawing.hidden.has(name));
  const total = shown.reduce((sum, { value }) => sum + Number(value), 0);
  const wants: string[] = options.displayLabels ?? [];
  const words = ({ name, value, field }: Figure, parts: string[]): string =>
    parts
      .map((part) =>
        part === 'name'
          ? name
          : part === 'value'
            ? show(field, value).text
            : formatNumber(Number(value) / (total || 1), 'percentunit', 0),
      )
      .join(' ');
  draw(
    drawing,
    {
      tooltip: {
        ...tooltipLook(),
        trigger: 'item',
        formatter: ({ dataIndex }: any) => {
          const one = shown[dataIndex]!;
          return tooltipOf(one.name, [
            { name: words(one, ['value']), colour: one.colour, value: words(one, ['percent']) },
          ]);
        },
      },
      series: [
        {
          type: 'pie',
          radius: options.pieType === 'donut' ? ['52%', '88%'] : [0, '88%'],
          center: ['50%', '50%'],
          itemStyle: { borderColor: surface(), borderWidth: 1.5 },
          minShowLabelAngle: 14,
          labelLine: { show: false },
          label: {
            show: wants.length > 0,
            position: 'inside',
            fontSize: 11,
            formatter: ({ dataIndex }: any) => words(shown[dataIndex]!, wants),
          },
          data: shown.map(({ name, value, colour }) => ({
            name,
            value,
            itemStyle: { color: colour },
            label: { color: inkOn(colour) },
          })),
        },
      ],
    },
    options.legend?.showLegend === false
      ? []
      : figures.map((figure, at) => ({
          name: figure.name,
          colour: colours[at]!,
          value: words(figure, (options.legend?.values?.length ? options.legend.values : ['percent']) as string[]),
        })),
    options.legend?.placement !== 'bottom',
  );
}

export function heatmap(drawing: Drawing, panel: Panel, data: PanelData): void {
  const options = panel.options ?? {};
  const lines = linesOf(panel, data);
  const rows = lines.map(({ field }) => field.title.replace(/^value /i, ''));
  const times = [...new Set(lines.flatMap(({ time }) => time.values.map(Number)))].sort((a, b) => a - b);
  const cells = lines.flatMap(({ field, time }, row) =>
    field.values.flatMap((value, at) =>
      value === null ? [] : [{ row, column: times.indexOf(Number(time.values[at])), value: Number(value), field }],
    ),
  );
  const figures = cells.map(({ value }) => value);
  const { scheme = 'Blues', exponent = 0.5, min, max, reverse } = options.color ?? {};
  const [low, high] = [min ?? Math.min(0, ...figures), max ?? Math.max(...figures)];
  const fill = (value: number): string => {
    const share = high > low ? (value - low) / (high - low) : 1;
    return schemeColour(scheme, reverse ? 1 - share : share, exponent);
  };
  const unit = options.cellValues?.unit ?? panel.fieldConfig?.defaults?.unit;
  const isDaily = times.every((time, at) => at === 0 || time - times[at - 1]! >= 82_800_000);
  const names = times.map((time) => formatTime(time, drawing.utc).slice(isDaily ? 0 : 5, isDaily ? 10 : 16));
  draw(drawing, {
    grid: { ...grid, top: 4 },
    tooltip: {
      ...tooltipLook(),
      trigger: 'item',
      formatter: ({ dataIndex }: any) => {
        const { row, column, value } = cells[dataIndex]!;
        return tooltipOf(names[column]!, [{ name: rows[row]!, colour: fill(value), value: formatNumber(value, unit) }]);
      },
    },
    xAxis: { type: 'category', data: names, ...axisLook(), splitLine: { show: false } },
    yAxis: {
      type: 'category',
      data: rows,
      inverse: options.yAxis?.reverse ?? false,
      ...axisLook(),
      splitLine: { show: false },
    },
    series: [
      {
        type: 'custom',
        data: cells.map(({ row, column, value }) => [column, row, value]),
        encode: { x: 0, y: 1 },
        renderItem: (place: any, api: any) => {
          const { row, column, value } = cells[place.dataIndex]!;
          const [x, y] = api.coord([column, row]);
          const [width, height] = api.size([1, 1]);
          const [w, h] = [Math.max(width - (options.cellGap ?? 1), 1), Math.max(height - (options.cellGap ?? 1), 1)];
          const fits = options.showValue !== 'never' && w > 34 && h > 13;
          return {
            type: 'rect',
            shape: { x: x - w / 2, y: y - h / 2, width: w, height: h },
            style: { fill: fill(value) },
            textConfig: { position: 'inside' },
            textContent: fits
              ? {
                  style: {
                    text: formatNumber(value, unit, unit === 'percentunit' ? 0 : undefined),
                    fill: inkOn(fill(value)),
                    fontSize: 11,
                    fontFamily: 'system-ui, sans-serif',
                  },
                }
              : undefined,
          };
        },
      },
    ],
  });
}
