// Tables.
import { FieldType, type DataFrame } from '@grafana/data';
import { TableCellHeight } from '@grafana/schema';
import { TableNG } from '@grafana/ui/unstable';
import type { Drawn } from './single';

/** Bars in cells are drawn against the least and the greatest of all columns, as the table panel does it. */
function chosen(data: Drawn['data'], options: Record<string, any>): DataFrame | undefined {
  return data.frames[options.frameIndex ?? 0] ?? data.frames[0];
}

export function Rows({ data, options, width, height }: Drawn) {
  const frame = chosen(data, options);
  if (!frame) {
    return null;
  }
  const visible = { ...frame, fields: frame.fields.filter((field) => !(field.type === FieldType.frame && !field.values.length)) };
  return (
    <TableNG
      data={visible}
      width={width}
      height={height}
      noHeader={options.showHeader === false}
      cellHeight={options.cellHeight ?? TableCellHeight.Sm}
      sortBy={options.sortBy ?? []}
      frozenColumns={options.frozenColumns?.left ?? 0}
      enablePagination={options.enablePagination ?? false}
      noValue={data.fieldConfig.defaults.noValue ?? ''}
      timeRange={data.range}
      fieldConfig={data.fieldConfig}
      enableVirtualization={false}
      structureRev={1}
      transparent={false}
      resizable={false}
    />
  );
}
