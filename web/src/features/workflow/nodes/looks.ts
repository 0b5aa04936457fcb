// How each kind of node looks: its sign, and the family that gives it its colour.
import {
  AlarmClock,
  Bot,
  Braces,
  CaseSensitive,
  CircleHelp,
  CodeXml,
  DatabaseZap,
  FileText,
  Flag,
  FolderInput,
  GitFork,
  Globe,
  IterationCw,
  Library,
  ListFilter,
  LogOut,
  type LucideIcon,
  Merge,
  MessageSquareText,
  Milestone,
  PencilLine,
  Play,
  Plug,
  Repeat,
  ScanText,
  Sparkles,
  Split,
  StickyNote,
  UserRoundCheck,
  Variable,
  Webhook,
  Wrench,
} from 'lucide-react';

/** Kinds that look alike because they do alike. */
export type Family = 'entry' | 'model' | 'knowledge' | 'logic' | 'data' | 'outside' | 'end';

interface Look {
  icon: LucideIcon;
  family: Family;
}

const LOOKS: Record<string, Look> = {
  start: { icon: Play, family: 'entry' },
  'trigger-webhook': { icon: Webhook, family: 'entry' },
  'trigger-schedule': { icon: AlarmClock, family: 'entry' },
  'trigger-plugin': { icon: Plug, family: 'entry' },
  datasource: { icon: FolderInput, family: 'entry' },
  llm: { icon: Sparkles, family: 'model' },
  agent: { icon: Bot, family: 'model' },
  'question-classifier': { icon: Split, family: 'model' },
  'parameter-extractor': { icon: ScanText, family: 'model' },
  'knowledge-retrieval': { icon: Library, family: 'knowledge' },
  'document-extractor': { icon: FileText, family: 'knowledge' },
  'knowledge-index': { icon: DatabaseZap, family: 'knowledge' },
  'if-else': { icon: GitFork, family: 'logic' },
  iteration: { icon: IterationCw, family: 'logic' },
  loop: { icon: Repeat, family: 'logic' },
  'loop-end': { icon: LogOut, family: 'logic' },
  'iteration-start': { icon: Play, family: 'logic' },
  'loop-start': { icon: Play, family: 'logic' },
  'human-input': { icon: UserRoundCheck, family: 'logic' },
  code: { icon: CodeXml, family: 'data' },
  'template-transform': { icon: Braces, family: 'data' },
  'variable-aggregator': { icon: Merge, family: 'data' },
  'variable-assigner': { icon: Merge, family: 'data' },
  assigner: { icon: PencilLine, family: 'data' },
  'list-operator': { icon: ListFilter, family: 'data' },
  'http-request': { icon: Globe, family: 'outside' },
  tool: { icon: Wrench, family: 'outside' },
  answer: { icon: MessageSquareText, family: 'end' },
  end: { icon: Flag, family: 'end' },
  '': { icon: StickyNote, family: 'end' },
  sys: { icon: Milestone, family: 'end' },
  env: { icon: CaseSensitive, family: 'end' },
  conversation: { icon: Variable, family: 'end' },
};

const UNKNOWN: Look = { icon: CircleHelp, family: 'end' };

export const lookOf = (type: string): Look => LOOKS[type] ?? UNKNOWN;
