import { createContext, type ReactNode, useContext, useMemo, useRef } from 'react';
import { keepSources, type Source, scopeOf } from '../graph/scope';
import type { Config } from '../graph/types';
import { useStudio } from '../store';

interface Scopes {
  nodeId: string;
  outside: Source[];
}

const Context = createContext<Scopes | null>(null);
const NONE: Source[] = [];

/** What a node may read. Changes of the draft that leave that as it is draw nobody again. */
function useSources(nodeId: string, side: 'inside' | 'outside' | null): Source[] {
  const last = useRef<{ config: Config | null; key: string; sources: Source[] }>({
    config: null,
    key: '',
    sources: NONE,
  });
  return useStudio(({ config, isChat }) => {
    if (!side) return NONE;
    const key = `${side} ${nodeId}`;
    if (last.current.config !== config || last.current.key !== key) {
      const sources = keepSources(last.current.sources, scopeOf(config, nodeId, { isChat, inside: side === 'inside' }));
      last.current = { config, key, sources };
    }
    return last.current.sources;
  });
}

/** What the fields inside may read: the variables that exist when the node runs. */
export function ScopeProvider({ nodeId, children }: { nodeId: string; children: ReactNode }) {
  return (
    <ScopeOf nodeId={nodeId} sources={useSources(nodeId, 'outside')}>
      {children}
    </ScopeOf>
  );
}

/** `inside`: of containers, with what lies inside of them. */
export function useScope(inside = false): Source[] {
  const scopes = useContext(Context);
  if (!scopes) throw new Error('outside of a scope');
  const within = useSources(scopes.nodeId, inside ? 'inside' : null);
  return inside ? within : scopes.outside;
}

/** Another set of variables for the fields inside: what a webhook's answer may name, for example. */
export function ScopeOf({ nodeId, sources, children }: { nodeId: string; sources: Source[]; children: ReactNode }) {
  const value = useMemo(() => ({ nodeId, outside: sources }), [nodeId, sources]);
  return <Context value={value}>{children}</Context>;
}
