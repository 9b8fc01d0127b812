// Texts, in Markdown or HTML, and what is said where there is nothing to draw.
import { renderTextPanelMarkdown, textUtil } from '@grafana/data';
import { theme } from '../paneldata';
import type { Drawn } from './single';

export function Words({ data, options }: Drawn) {
  const content = data.replace(options.content ?? '');
  const html = options.mode === 'html' ? textUtil.sanitizeTextPanelContent(content) : renderTextPanelMarkdown(content);
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: html }} />;
}

export function Nothing({ says, height, bad = false }: { says: string; height: number; bad?: boolean }) {
  const color = bad ? theme.colors.error.text : theme.colors.text.secondary;
  return <div style={{ height, display: 'flex', alignItems: 'center', justifyContent: 'center', color }}>{says}</div>;
}
