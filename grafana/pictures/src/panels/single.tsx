// Panels of single values: stat, gauge (as a bar: the round one is not among the components) and bar gauge.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues, VizOrientation, type FieldDisplay } from '@grafana/data';
import { BarGaugeNamePlacement, BarGaugeValueMode } from '@grafana/schema';
import { BarGauge, BigValue, BigValueTextMode, VizRepeater } from '@grafana/ui';
import { theme, TIME_ZONE, type PanelData } from '../paneldata';

export interface Drawn {
  data: PanelData;
  options: Record<string, any>;
  width: number;
  height: number;
}

export function displayed(data: PanelData, options: Record<string, any>): FieldDisplay[] {
  return getFieldDisplayValues({
    fieldConfig: data.fieldConfig,
    reduceOptions: options.reduceOptions ?? { calcs: ['lastNotNull'] },
    replaceVariables: data.replace,
    theme,
    data: data.frames,
    sparkline: options.graphMode !== undefined && options.graphMode !== 'none',
    percentChange: options.showPercentChange ?? false,
    timeZone: TIME_ZONE,
  });
}

function textMode(options: Record<string, any>, values: FieldDisplay[]): BigValueTextMode {
  if (options.textMode && options.textMode !== 'auto') {
    return options.textMode;
  }
  return values.length === 1 ? BigValueTextMode.Value : BigValueTextMode.ValueAndName;
}

export function Stat({ data, options, width, height }: Drawn) {
  const values = displayed(data, options);
  return (
    <VizRepeater
      getValues={() => values}
      getAlignmentFactors={(all) => getDisplayValueAlignmentFactors(all)}
      renderValue={({ value, alignmentFactors, width, height, count }) => (
        <BigValue
          value={value.display}
          {...(value.sparkline ? { sparkline: { ...value.sparkline, timeRange: data.range } } : {})}
          count={count}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={textMode(options, values)}
          alignmentFactors={alignmentFactors}
          text={options.text}
          width={width}
          height={height}
          theme={theme}
          percentChangeColorMode={options.percentChangeColorMode}
          disableWideLayout={!options.wideLayout}
        />
      )}
      width={width}
      height={height}
      source={data}
      itemSpacing={3}
      renderCounter={0}
      autoGrid
      orientation={options.orientation ?? VizOrientation.Auto}
    />
  );
}

export function Bars({ data, options, width, height }: Drawn) {
  const values = displayed(data, options);
  const isHorizontal = (options.orientation ?? 'auto') !== 'vertical';
  return (
    <VizRepeater
      getValues={() => values}
      getAlignmentFactors={(all) => getDisplayValueAlignmentFactors(all)}
      renderValue={({ value, alignmentFactors, width, height, orientation, count }) => (
        <BarGauge
          value={count === 1 && options.displayName === undefined ? { ...value.display, title: undefined } : value.display}
          width={width}
          height={height}
          orientation={orientation}
          field={value.field}
          text={options.text}
          display={value.view?.getFieldDisplayProcessor(value.colIndex ?? -1)}
          theme={theme}
          itemSpacing={8}
          displayMode={options.displayMode ?? 'gradient'}
          alignmentFactors={alignmentFactors}
          showUnfilled={options.showUnfilled ?? true}
          valueDisplayMode={options.valueMode ?? BarGaugeValueMode.Color}
          namePlacement={options.namePlacement ?? BarGaugeNamePlacement.Auto}
        />
      )}
      width={width}
      height={height}
      source={data}
      itemSpacing={8}
      renderCounter={0}
      minVizWidth={options.minVizWidth ?? 8}
      minVizHeight={options.minVizHeight ?? 16}
      {...(options.sizing === 'auto' || !isHorizontal ? {} : { maxVizHeight: options.maxVizHeight ?? 300 })}
      orientation={options.orientation ?? VizOrientation.Horizontal}
    />
  );
}
