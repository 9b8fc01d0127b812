// Heat maps. Grafana's own live in its server, not among the components: the counts, bounds, units and colours are those of
// the panel, the drawing is ours.
import { dateTimeFormat, FieldType, formattedValueToString, getValueFormat, type DataFrame } from '@grafana/data';
import * as schemes from 'd3-scale-chromatic';
import { theme, TIME_ZONE } from '../paneldata';
import type { Drawn } from './single';

const [LEFT, RIGHT, TOP, BOTTOM, LEGEND] = [72, 12, 8, 22, 26];
const LEGEND_STEPS = 24;

interface Bucket {
  label: string;
  times: number[];
  counts: number[];
}

function buckets(frames: DataFrame[], unit: string): Bucket[] {
  const format = getValueFormat(unit);
  return frames.map((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time)!;
    const value = frame.fields.find((field) => field.type === FieldType.number)!;
    const bound = value.labels?.le ?? value.name;
    const label = bound === '+Inf' ? bound : formattedValueToString(format(Number(bound)));
    return { label, times: time.values, counts: value.values };
  });
}

function scale(options: Record<string, any>, most: number): (count: number) => string {
  const { scheme = 'Oranges', exponent = 0.5, reverse = false } = options.color ?? {};
  const interpolate = (schemes as unknown as Record<string, (part: number) => string>)[`interpolate${scheme}`]!;
  const inverted = (theme.isDark ? 1 : 0) ^ (reverse ? 1 : 0);
  return (count) => {
    const part = (count / most) ** exponent;
    return interpolate(inverted ? 1 - part : part);
  };
}

export function Heat({ data, options, width, height }: Drawn) {
  const rows = buckets(data.frames, options.yAxis?.unit ?? 'short');
  const lowest = options.filterValues?.le ?? 0;
  const most = Math.max(...rows.flatMap((row) => row.counts).filter(Number.isFinite), lowest);
  const color = scale(options, most || 1);
  const [from, to] = [data.range.from.valueOf(), data.range.to.valueOf()];
  const step = data.frames[0]?.fields[0]?.config.interval ?? 1000;
  const inner = { width: width - LEFT - RIGHT, height: height - TOP - BOTTOM - LEGEND };
  const tall = inner.height / Math.max(rows.length, 1);
  const x = (time: number) => LEFT + ((time - from) / (to - from)) * inner.width;
  const wide = Math.max((step / (to - from)) * inner.width, 1);
  const every = Math.max(1, Math.ceil(16 / tall));
  const ticks = Array.from({ length: 6 }, (_, index) => from + ((to - from) * (index + 0.5)) / 6);
  const text = { fill: theme.colors.text.primary, fontSize: 12, fontFamily: theme.typography.fontFamily };
  const count = getValueFormat('short');
  return (
    <svg width={width} height={height}>
      {rows.flatMap((row, index) =>
        row.times.map((time, at) =>
          row.counts[at]! > lowest ? (
            <rect
              key={`${index} ${time}`}
              x={x(time) - wide}
              y={TOP + inner.height - (index + 1) * tall}
              width={Math.max(wide - 0.5, 0.5)}
              height={Math.max(tall - (options.cellGap ?? 1), 1)}
              fill={color(row.counts[at]!)}
            />
          ) : null,
        ),
      )}
      {rows.map((row, index) =>
        index % every === 0 ? (
          <text key={row.label} x={LEFT - 8} y={TOP + inner.height - (index + 0.5) * tall + 4} textAnchor="end" {...text}>
            ≤ {row.label}
          </text>
        ) : null,
      )}
      {ticks.map((time) => (
        <text key={time} x={x(time)} y={TOP + inner.height + 16} textAnchor="middle" {...text}>
          {dateTimeFormat(time, { format: 'HH:mm:ss', timeZone: TIME_ZONE })}
        </text>
      ))}
      {Array.from({ length: LEGEND_STEPS }, (_, index) => (
        <rect
          key={index}
          x={LEFT + index * 8}
          y={height - LEGEND + 8}
          width={8}
          height={8}
          fill={color((most * (index + 1)) / LEGEND_STEPS)}
        />
      ))}
      <text x={LEFT + LEGEND_STEPS * 8 + 8} y={height - LEGEND + 16} {...text}>
        to {formattedValueToString(count(most))}
      </text>
    </svg>
  );
}
