"""Words that are clinical by their shape: endings of diseases, operations, examinations and of the names of medicines.

Endings of medicines are stems of the WHO list of International Nonproprietary Names and of the United States Adopted Names, narrowed
where the bare stem is also the end of family names ("-tide", "-olone", "-caine"). An ending needs three letters before it, that of a
medicine two. Names of people and places that still have such an ending ("Eglitis", "Euphemia") are held out by `_NAMES`.
"""

# Endings of diseases, findings, operations and examinations.
_CLINICAL = (
    "itis itides osis oses ectomy ectomies ostomy ostomies otomy otomies emia emias aemia aemias chemic chaemic glycemic oxemic anemic "
    "leukemic eremic ticemic calcemic lipidemic natremic kalemic volemic inuria maturia alturia octuria eriuria cosuria onuria "
    "calciuria phaturia alluria diduria cyturia aluria uremic pathy pathies pathic algia algias algic plasty plasties scopy scopies "
    "scopic scopically scope scopes graphy graphies graphic graphically cardiogram cardiograms angiogram angiograms venogram venograms "
    "myogram pyelogram mogram mograms sonogram sonograms encephalogram urogram cystogram urethrogram arthrogram myelogram "
    "lymphogram cholangiogram cholangiograms arteriogram ventriculogram audiogram spirogram rrhea rrhoea rrhage rrhages rrhagic rrhagia "
    "rrhaphy rrhaphies rrhexis rrhythmia rrhythmias pnea pnoea pneic plegia plegic paresis penia penic cytosis cytic blastic plasia "
    "plastic megaly centesis centeses desis pexy lysis lytic tripsy ptosis stenosis stenotic sclerosis sclerotic malacia trophy trophic "
    "trophies phagia phasia dynia ectasia ectasias ectasis ectatic genesis genic philia philic phobia phobic cardia cardic cardiac "
    "ology ologist ologists ological ologically ologic iatric iatrics iatrist iatry carcinoma carcinomas sarcoma sarcomas adenoma "
    "adenomas lymphoma lymphomas blastoma blastomas glioma gliomas myoma myomas fibroma fibromas lipoma lipomas neuroma neuromas "
    "angioma angiomas cytoma cytomas thelioma theliomas melanoma melanomas hematoma hematomas granuloma granulomas papilloma papillomas "
    "esthesia esthetic esthetics aesthesia metry metric biopsy biopsies bacter coccus cocci coccal bacillus bacilli virus viruses "
    "mycosis mycotic spasm spasms spastic stasis stases gravida parous ventricular vascular muscular glandular cranial spinal costal "
    "sternal phrenic hepatic gastric enteric pulmonary cutaneous peritoneal pleural cerebral vertebral femoral humeral scapular "
    "clavicular tibial fibular carpal tarsal phalangeal ligamentous arterial venous thoracic lumbar sacral pelvic vesical ureteral "
    "uterine vaginal orbital ocular bulbar pharyngeal laryngeal tracheal bronchial esophageal duodenal colonic rectal biliary splenic "
    "umbilical inguinal thyroid thyroidism gonadism adrenalism androgenism tension tensive tensives volemia kinesia kinesis reflexia "
    "reflexic tropia phoria opsia plopia lyopia eropia byopia anopia anopsia lexia praxia gnosia mnesia thymia thymic phrenia orexia "
    "dipsia menorrhea hydramnios"
)  # fmt: skip
# Stems of medicines.
_MEDICINES = (
    "olol betalol opril april ipril epril sartan statin dipine thiazide semide lactone zosin losin prazole tidine setron triptan gepant "
    "azepam zolam zepoxide barbital barbitone conazole nidazole oxazole bendazole mectin quantel fungin cillin mycin micin cycline "
    "floxacin penem bactam navir tegravir buvir tasvir pasvir basvir previr amivir ciclovir cyclovir fovir virine vudine citabine "
    "trexate trexed rubicin taxel platin tecan poside mustine sulfan parib tinib panib danib ciclib rafenib metinib zomib limus lumab "
    "zumab ximab tumab numab kimab limab cimab rumab vimab bimab mumab xumab grastim gramostim kinra teplase parin parinux xaban gatran "
    "dogrel sugrel grelor fibrate gliptin gliflozin glitazone glinide glutide reotide natide paratide formin zodone zopiclone peridol "
    "peridone apiprazole oxetine afaxine ipramine triptyline traline zapine tiapine curium curonium flurane morphone codone methorphan "
    "fentanil fentanyl profen fenac oxicam coxib methasone metasone ticasone tisone nisone nisolone cinolone drolone sonide cinonide "
    "sterone estradiol gestrel progest relin relix meterol buterol daterol caterol phylline tropium lukast tadol dronate dronic "
    "calcitol calciferol asteride begron denafil dalafil sentan oprost oprostol zolamide pressin tocin tretinoin loroquine moquine "
    "naquine racetam gabalin gabatrin nytoin rbazepine nercept tacept bercept lopram stigmine vodopa bidopa perazine promazine thixene "
    "atadine rizine hydramine niramine azoline phedrine nephrine ephrine vaptan tamide caftor platide racil uracil iaxone aloxone "
    "altrexone triamterene vaxine globulin ocaine acaine icaine glandin sulfate phosphate chloride bromide hydroxide hydrochloride "
    "acetate gluconate carbonate citrate"
)  # fmt: skip
# Beginnings; at least four letters must follow.
_BEGINNINGS = (
    "hyper hypo cardio gastro neuro hepato nephro pneumo osteo arthro cholecyst laparo thoraco immuno hemato haemato thrombo lympho "
    "dermato ophthalmo psycho angiogr angioed angioplast broncho encephalo adenoc adenop fibrom fibroc leuko erythro atherosclero "
    "retroper peritone echocardio electroc electroe vasculo musculo cranio cervico lumbos costoc costov sternoc sternot ileoc glomerulo "
    "tubulo esophago oesophago colorect entero cysto uretero hystero salpingo chemot chemor chemop radiog radiot radiol pharmaco "
    "chondro tendino dacryo blephar otorhino laryngo pharyngo tracheo pleuro pericard myocard endocard endotrach intracran intraven "
    "intramusc subcutan transesoph transvag postop preop perioper antihyper anticoag antidepress antibiot antiemet antiplatelet "
    "antipsychot antimicrob micro"
)  # fmt: skip
_NAMES = frozenset(
    """
    anastasis apsitis araioses berzitis bohemia buritis eglitis eufemia euphemia evfemia hypolite ieremia jeremias kalvaitis kimemia
    krumitis microdistrict ozolitis politis prieditis rozitis rudzitis saulitis theophilia zalitis
    """.split()  # noqa: SIM905 - a column of words is read more easily
)

RULES = f"{_CLINICAL}|{_MEDICINES}|{_BEGINNINGS}|{sorted(_NAMES)}"

# Pieces, how long the longest is, and how many letters must stand beside one.
_ENDINGS = (
    (frozenset(_CLINICAL.split()), max(map(len, _CLINICAL.split())), 3),
    (frozenset(_MEDICINES.split()), max(map(len, _MEDICINES.split())), 2),
)
_STARTS = frozenset(_BEGINNINGS.split())
_LONGEST_START = max(map(len, _STARTS))
_SHORTEST = 4  # of all pieces


def clinical_shape(word: str) -> bool:
    """True where a folded word has the shape of a clinical word; of a word with hyphens its last part counts."""
    last = word.rpartition("-")[2]
    if not last.isalpha() or last in _NAMES:
        return False
    size = len(last)
    for endings, longest, before in _ENDINGS:
        if any(last[-n:] in endings for n in range(_SHORTEST, min(longest, size - before) + 1)):
            return True
    return any(last[:n] in _STARTS for n in range(_SHORTEST, min(_LONGEST_START, size - 4) + 1))
