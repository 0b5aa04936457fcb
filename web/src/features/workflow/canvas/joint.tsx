import { BaseEdge, EdgeLabelRenderer, type EdgeProps, getSmoothStepPath } from '@xyflow/react';
import { Plus } from 'lucide-react';
import { memo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { useRun } from '../run/store';
import { useStudioStore } from '../store';
import { useUi } from '../ui';

/** The joint between two blocks. A node can be put into it. */
export const Joint = memo(function Joint(props: EdgeProps) {
  const { id, source, target, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, selected } = props;
  const { t } = useTranslation();
  const { canEdit } = useStudioStore().getState();
  const isTaken = useRun((state) => state.run?.taken.has(`${source}>${target}`) ?? false);
  const [isNear, setNear] = useState(false);
  const [path, x, y] = getSmoothStepPath({
    sourceX,
    sourceY,
    targetX,
    targetY,
    sourcePosition,
    targetPosition,
    borderRadius: 6,
  });
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the same can be done from the node's panel
    <g onMouseEnter={() => setNear(true)} onMouseLeave={() => setNear(false)} className={cn(isTaken && 'edge-taken')}>
      <BaseEdge id={id} path={path} interactionWidth={26} />
      {canEdit && (isNear || selected) && (
        <EdgeLabelRenderer>
          <button
            type="button"
            aria-label={t('studio.canvas.insert')}
            onMouseEnter={() => setNear(true)}
            onMouseLeave={() => setNear(false)}
            onClick={(event) =>
              useUi.getState().set({
                palette: { target: { kind: 'edge', id }, screen: { x: event.clientX + 8, y: event.clientY } },
              })
            }
            className="nodrag nopan pointer-events-auto absolute z-10 flex size-5 items-center justify-center rounded-[4px] bg-accent text-accent-fg shadow-2"
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
          >
            <Plus className="size-3.5" aria-hidden />
          </button>
        </EdgeLabelRenderer>
      )}
    </g>
  );
});
