// Time series, with the marks of the annotations and their legend.
import { useLayoutEffect, useMemo } from 'react';
import { DashboardCursorSync, EventBusSrv, FieldType, type DataFrame } from '@grafana/data';
import { LegendDisplayMode, type VizLegendOptions } from '@grafana/schema';
import { PanelContextProvider, TimeSeries, TooltipPlugin, type UPlotConfigBuilder } from '@grafana/ui';
import type uPlot from 'uplot';
import { TIME_ZONE, type Mark } from '../paneldata';
import type { Drawn } from './single';

const SHADE = 0.1;

const context = {
  eventsScope: 'page',
  eventBus: new EventBusSrv(),
  sync: () => DashboardCursorSync.Off,
};

/** Dashed lines where the annotations begin and end, with a triangle at their feet, and a shade between, as Grafana draws them. */
function Marks({ config, marks }: { config: UPlotConfigBuilder; marks: Mark[] }) {
  useLayoutEffect(() => {
    config.addHook('draw', (plot: uPlot) => {
      const { ctx, bbox } = plot;
      const foot = 6 * devicePixelRatio;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height + foot);
      ctx.clip();
      const bottom = bbox.top + bbox.height;
      for (const mark of marks) {
        const [left, right] = [plot.valToPos(mark.from, 'x', true), plot.valToPos(mark.to, 'x', true)];
        ctx.strokeStyle = ctx.fillStyle = mark.color;
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([5, 5]);
        for (const x of new Set([left, right])) {
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bottom);
          ctx.stroke();
        }
        ctx.beginPath();
        if (left === right) {
          ctx.moveTo(left, bottom);
          ctx.lineTo(left - foot, bottom + foot);
          ctx.lineTo(left + foot, bottom + foot);
        } else {
          ctx.rect(left, bottom, right - left, foot);
        }
        ctx.fill();
        ctx.globalAlpha = SHADE;
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
        ctx.globalAlpha = 1;
      }
      ctx.restore();
    });
  }, [config, marks]);
  return null;
}

/** A curve breaks where the answer lacks a step, as in Grafana. */
function withGaps(frame: DataFrame): DataFrame {
  const time = frame.fields.find((field) => field.type === FieldType.time);
  const interval = time?.config.interval;
  if (!time || !interval) {
    return frame;
  }
  const times: number[] = time.values;
  const gaps = times.flatMap((at, index) => (index > 0 && at - times[index - 1]! > interval * 1.5 ? [index] : []));
  const opened = (values: unknown[], filler: (index: number) => unknown) =>
    values.flatMap((value, index) => (gaps.includes(index) ? [filler(index), value] : [value]));
  return {
    ...frame,
    length: frame.length + gaps.length,
    fields: frame.fields.map((field) => ({
      ...field,
      values: opened(field.values, field === time ? (index) => times[index - 1]! + interval : () => null),
    })),
  };
}

export function Curves({ data, options, width, height, marks }: Drawn & { marks: Mark[] }) {
  const legend: VizLegendOptions = options.legend ?? {
    showLegend: true,
    displayMode: LegendDisplayMode.List,
    placement: 'bottom',
    calcs: [],
  };
  const frames = useMemo(
    () => data.frames.filter((frame) => frame.fields.some((field) => field.type === FieldType.number)).map(withGaps),
    [data],
  );
  return (
    <PanelContextProvider value={context}>
      <TimeSeries
        frames={frames}
        structureRev={1}
        timeRange={data.range}
        timeZone={TIME_ZONE}
        width={width}
        height={height}
        legend={legend}
        options={options}
      >
        {(config, alignedFrame) => (
          <>
            <TooltipPlugin config={config} data={alignedFrame} mode={options.tooltip?.mode ?? 'single'} timeZone={TIME_ZONE} />
            <Marks config={config} marks={marks} />
          </>
        )}
      </TimeSeries>
    </PanelContextProvider>
  );
}
