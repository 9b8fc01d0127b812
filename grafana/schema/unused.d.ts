// Stands in for @grafana/data, from which the query's type takes only the two fields that dashboard.ts leaves out.
export interface ScopeSpec {
  title: string;
}
export interface ScopeSpecFilter {
  key: string;
}
export interface Scope {
  metadata: { name: string };
}
