// What Grafana's server registers before a dashboard is drawn: options of fields, and transformations.
import {
  booleanOverrideProcessor,
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  FieldConfigOptionsRegistry,
  identityOverrideProcessor,
  numberOverrideProcessor,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  stringOverrideProcessor,
  thresholdsOverrideProcessor,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
} from '@grafana/data';

const STANDARD: Record<string, FieldConfigPropertyItem['process']> = {
  color: identityOverrideProcessor,
  decimals: numberOverrideProcessor,
  description: stringOverrideProcessor,
  displayName: displayNameOverrideProcessor,
  fieldMinMax: booleanOverrideProcessor,
  filterable: booleanOverrideProcessor,
  links: dataLinksOverrideProcessor,
  mappings: valueMappingsOverrideProcessor,
  max: numberOverrideProcessor,
  min: numberOverrideProcessor,
  noValue: stringOverrideProcessor,
  thresholds: thresholdsOverrideProcessor,
  unit: unitOverrideProcessor,
};

function item(id: string, process: FieldConfigPropertyItem['process']): FieldConfigPropertyItem {
  const isCustom = id.startsWith('custom.');
  const path = isCustom ? id.slice('custom.'.length) : id;
  const nothing = () => null;
  const always = () => true;
  return { id, path, name: id, isCustom, process, shouldApply: always, editor: nothing, override: nothing };
}

const standardItems = () => Object.entries(STANDARD).map(([id, process]) => item(id, process));

export function register(): void {
  standardFieldConfigEditorRegistry.setInit(standardItems);
  // one of them is there under two names
  const transformers = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));
  standardTransformersRegistry.setInit(() =>
    [...transformers.values()].map((transformer) => ({
      id: transformer.id,
      name: transformer.name,
      description: transformer.description,
      transformation: () => Promise.resolve(transformer),
      editor: () => null,
      imageDark: '',
      imageLight: '',
    })),
  );
}

/** The standard options, and those of the panel's own that its configuration names. */
export function optionsOf(source: FieldConfigSource): FieldConfigOptionsRegistry {
  const custom = new Set(Object.keys(source.defaults.custom ?? {}).map((name) => `custom.${name}`));
  for (const property of source.overrides.flatMap((rule) => rule.properties)) {
    if (property.id.startsWith('custom.')) {
      custom.add(property.id);
    }
  }
  return new FieldConfigOptionsRegistry(() => [
    ...standardItems(),
    ...[...custom].map((id) => item(id, identityOverrideProcessor)),
  ]);
}
